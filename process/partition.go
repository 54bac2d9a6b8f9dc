package process

import (
	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"aws-accounts/accounts"
	"aws-accounts/internal/partitions"
)

// partitionOf returns the partition that a's own ARNs name, "" if it has none.
func partitionOf(a *accounts.Account) string {
	for _, s := range []string{a.RoleARN, a.Way().RoleARN, a.MFASerial} {
		if known, err := arn.Parse(s); err == nil {
			return known.Partition
		}
	}
	return ""
}

// regionIn returns region if it lies in the partition, else the partition's own default. Partition "" is that of the region.
func regionIn(partition, region string) string {
	if region != "" && (partition == "" || partitions.Of(region) == partition) {
		return region
	}
	p, _ := partitions.Called(partition)
	return p.Region
}
