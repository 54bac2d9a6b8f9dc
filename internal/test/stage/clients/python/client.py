"""boto3: who am I, and which buckets are there, with the profile that is named."""

import os
import sys

import boto3

session = boto3.Session(profile_name=sys.argv[1])
# Before 1.28 boto3 doesn't know AWS_ENDPOINT_URL.
endpoint = os.environ["AWS_ENDPOINT_URL"]
print(session.client("sts", endpoint_url=endpoint).get_caller_identity()["Account"])
for bucket in session.client("s3", endpoint_url=endpoint).list_buckets()["Buckets"]:
    print(bucket["Name"])
