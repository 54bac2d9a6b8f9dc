// Package partitions knows AWS's partitions, as far as the program must before it has asked AWS.
package partitions

import "strings"

// Partition is one of them.
type Partition struct {
	Name    string
	prefix  string // of its regions
	Region  string // that its STS is asked in by default
	Console string // the domain of its console and sign-in, from the endpoint rules of AWS Sign-In
}

// all begins with the one whose regions have no prefix of their own.
var all = [...]Partition{
	{"aws", "", "us-east-1", "aws.amazon.com"},
	{"aws-cn", "cn-", "cn-north-1", "amazonaws.cn"},
	{"aws-us-gov", "us-gov-", "us-gov-west-1", "amazonaws-us-gov.com"},
	{"aws-eusc", "eusc-", "eusc-de-east-1", "amazonaws-eusc.eu"},
	{"aws-iso", "us-iso-", "us-iso-east-1", "c2shome.ic.gov"},
	{"aws-iso-b", "us-isob-", "us-isob-east-1", "sc2shome.sgov.gov"},
	{"aws-iso-e", "eu-isoe-", "eu-isoe-west-1", "csphome.adc-e.uk"},
	{"aws-iso-f", "us-isof-", "us-isof-south-1", "csphome.hci.ic.gov"},
}

// Of is the name of the partition that a region lies in. One that is newer than this list seems to be aws.
func Of(region string) string {
	for _, p := range all[1:] {
		if strings.HasPrefix(region, p.prefix) {
			return p.Name
		}
	}
	return all[0].Name
}

// Called is the partition of that name, or else aws, and whether it is the one.
func Called(name string) (p Partition, known bool) {
	for _, p := range all {
		if p.Name == name {
			return p, true
		}
	}
	return all[0], false
}
