package process

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"aws-accounts/accounts"
)

// partitions are those besides "aws", each with the prefix of its regions and the region that its STS is asked in by default.
var partitions = []struct{ name, prefix, region string }{
	{"aws-cn", "cn-", "cn-north-1"},
	{"aws-us-gov", "us-gov-", "us-gov-west-1"},
	{"aws-iso-b", "us-isob-", "us-isob-east-1"},
	{"aws-iso-e", "eu-isoe-", "eu-isoe-west-1"},
	{"aws-iso-f", "us-isof-", "us-isof-south-1"},
	{"aws-iso", "us-iso-", "us-iso-east-1"},
	{"aws-eusc", "eusc-", "eusc-de-east-1"},
}

// partitionOf returns the partition that a's own ARNs name, "" if it has none.
func partitionOf(a *accounts.Account) string {
	for _, s := range []string{a.RoleARN, a.Way().RoleARN, a.MFASerial} {
		if known, err := arn.Parse(s); err == nil {
			return known.Partition
		}
	}
	return ""
}

// partitionOfRegion returns the partition that a region lies in.
func partitionOfRegion(region string) string {
	for _, p := range partitions {
		if strings.HasPrefix(region, p.prefix) {
			return p.name
		}
	}
	return "aws"
}

// regionIn returns region if it lies in the partition, else the partition's own default. Partition "" is that of the region.
func regionIn(partition, region string) string {
	if region != "" && (partition == "" || partitionOfRegion(region) == partition) {
		return region
	}
	for _, p := range partitions {
		if p.name == partition {
			return p.region
		}
	}
	return "us-east-1"
}
