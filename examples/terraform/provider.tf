# The provider reads the profile by itself, once for each of its starts. All of them get the one session.
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

provider "aws" {
  region  = "eu-west-1"
  profile = "dev"
}

# To another account in the same run:
provider "aws" {
  alias   = "prod"
  region  = "eu-west-1"
  profile = "prod"
}

data "aws_caller_identity" "dev" {}

data "aws_caller_identity" "prod" {
  provider = aws.prod
}

output "accounts" {
  value = [data.aws_caller_identity.dev.account_id, data.aws_caller_identity.prod.account_id]
}
