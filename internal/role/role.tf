# The role that aws-accounts enters an account through, as "aws-accounts role policy --terraform" writes it.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

resource "aws_iam_role" "this" {
  name                 = %s
  path                 = %s
  description          = %s
  max_session_duration = %d

  assume_role_policy = jsonencode(%s)

  tags = {
    %s = %s
  }
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = toset(%s)

  role       = aws_iam_role.this.name
  policy_arn = each.value
}

output "role_arn" {
  value = aws_iam_role.this.arn
}
