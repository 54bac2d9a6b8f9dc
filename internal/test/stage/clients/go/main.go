// Command go is a program with the AWS SDK for Go: who am I, and which buckets are there, with the profile that is named.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func main() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx, config.WithSharedConfigProfile(os.Args[1]))
	if err != nil {
		log.Fatal(err)
	}
	identity, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(aws.ToString(identity.Account))
	list, err := s3.NewFromConfig(cfg).ListBuckets(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, bucket := range list.Buckets {
		fmt.Println(aws.ToString(bucket.Name))
	}
}
