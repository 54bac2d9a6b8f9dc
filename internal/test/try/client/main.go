// Command client is a program as anybody would write one with aws-sdk-go-v2: it knows nothing of aws-accounts, takes a
// profile, and lists the buckets that it sees.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func main() {
	if err := list(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

func list(ctx context.Context, profile string) error {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithSharedConfigProfile(profile))
	if err != nil {
		return err
	}
	began := time.Now()
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return err
	}
	took := time.Since(began)
	out, err := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }).ListBuckets(ctx, &s3.ListBucketsInput{})
	if err != nil {
		return err
	}
	for _, bucket := range out.Buckets {
		fmt.Printf("%s   (credentials after %.1f ms)\n", aws.ToString(bucket.Name), float64(took)/1e6)
	}
	return nil
}
