# The state is in a bucket of the account dev. Nothing but the profile's name says how to get there.
terraform {
  backend "s3" {
    bucket       = "dev-terraform-state"
    key          = "example/terraform.tfstate"
    region       = "eu-west-1"
    profile      = "dev"
    use_lockfile = true # Terraform 1.10 or newer
  }
}

resource "terraform_data" "greeting" {
  input = "hello"
}
