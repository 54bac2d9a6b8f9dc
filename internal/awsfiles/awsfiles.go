// Package awsfiles owns the format of ~/.aws/config and ~/.aws/credentials: what a line of them means to the tools that
// read them, which sections are ours, and how to change those without touching anything else.
//
// It is pure: bytes in, bytes out, no file is opened. The invariant of every edit: a byte that belongs to somebody
// else's section, comment or blank line comes out as it went in, an edit that changes nothing returns its input, and
// the same edit twice is the edit once.
//
// Two readers matter, and they disagree: aws-sdk-go-v2 (also Terraform) is lenient, botocore (the AWS CLI, boto3) is
// Python's configparser, strict. The package models both from their sources ([Go], [Botocore]) and says of everything
// it finds who sees it. Where they disagree about something of ours, it reports and doesn't guess.
package awsfiles

// Reader is a set of the programs whose reading of the files is modelled.
type Reader uint8

const (
	// Go is aws-sdk-go-v2/config, internal/ini.
	Go Reader = 1 << iota
	// Botocore is botocore/configloader.py over Python's RawConfigParser.
	Botocore

	// Both is what one hopes for.
	Both = Go | Botocore
)

func (r Reader) String() string {
	switch r {
	case Go:
		return "AWS SDK for Go"
	case Botocore:
		return "AWS CLI"
	case Both:
		return "AWS CLI and AWS SDK for Go"
	}
	return "no reader"
}
