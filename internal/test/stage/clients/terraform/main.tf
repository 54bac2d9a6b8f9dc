# The state lives in dev's bucket, and the lock in dev's table. No provider is needed: the backend has the SDK built in.
terraform {
  backend "s3" {
    bucket         = "dev-bucket"
    key            = "terraform.tfstate"
    region         = "eu-west-1"
    use_path_style = true
  }
}

variable "greeting" {
  type = string
}

resource "terraform_data" "greeting" {
  input = var.greeting
}

output "greeting" {
  value = terraform_data.greeting.output
}
