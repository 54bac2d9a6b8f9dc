// Package partitions knows AWS's partitions, as far as the program must before it has asked AWS.
package partitions

import "strings"

// Partition is one of them.
type Partition struct {
	Name    string
	prefix  string // of its regions
	Region  string // that its STS is asked in by default
	Console string // the domain of its console and sign-in, from the endpoint rules of AWS Sign-In
	regions string // those that the SDK knew when this program was made; a test compares them
}

// all begins with the one whose regions have no prefix of their own.
var all = [...]Partition{
	{"aws", "", "us-east-1", "aws.amazon.com", "af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 " +
		"ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7 " +
		"ca-central-1 ca-west-1 eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 " +
		"il-central-1 me-central-1 me-south-1 mx-central-1 sa-east-1 us-east-1 us-east-2 us-west-1 us-west-2"},
	{"aws-cn", "cn-", "cn-north-1", "amazonaws.cn", "cn-north-1 cn-northwest-1"},
	{"aws-us-gov", "us-gov-", "us-gov-west-1", "amazonaws-us-gov.com", "us-gov-east-1 us-gov-west-1"},
	{"aws-eusc", "eusc-", "eusc-de-east-1", "amazonaws-eusc.eu", "eusc-de-east-1"},
	{"aws-iso", "us-iso-", "us-iso-east-1", "c2shome.ic.gov", "us-iso-east-1 us-iso-west-1"},
	{"aws-iso-b", "us-isob-", "us-isob-east-1", "sc2shome.sgov.gov", "us-isob-east-1 us-isob-west-1"},
	{"aws-iso-e", "eu-isoe-", "eu-isoe-west-1", "csphome.adc-e.uk", "eu-isoe-west-1"},
	{"aws-iso-f", "us-isof-", "us-isof-south-1", "csphome.hci.ic.gov", "us-isof-east-1 us-isof-south-1"},
}

// Regions are those of all partitions that were known when this program was made. AWS adds a few each year.
func Regions() (names []string) {
	for _, p := range all {
		names = append(names, strings.Fields(p.regions)...)
	}
	return names
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
