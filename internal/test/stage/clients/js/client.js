// AWS SDK for JavaScript v3: who am I, and which buckets are there, with the profile that is named.
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

const profile = process.argv[2];
const identity = await new STSClient({ profile }).send(new GetCallerIdentityCommand());
console.log(identity.Account);
const list = await new S3Client({ profile }).send(new ListBucketsCommand());
for (const bucket of list.Buckets) console.log(bucket.Name);
