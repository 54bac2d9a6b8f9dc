"""Lists the buckets of an account: python3 list_buckets.py [PROFILE]"""

import sys

import boto3

profile = sys.argv[1] if len(sys.argv) > 1 else None  # None: AWS_PROFILE, or what the environment has
session = boto3.Session(profile_name=profile)
for bucket in session.client("s3").list_buckets()["Buckets"]:
    print(bucket["Name"])
