// Wine has no Python, and so no moto; forwarding to it is the same everywhere.

//go:build !windows

package standin_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"aws-accounts/internal/test/standin"
)

func TestMoto(t *testing.T) {
	if _, err := exec.LookPath("moto_server"); errors.Is(err, exec.ErrNotFound) && (os.Getenv("CI") != "true" || strings.Contains(os.Getenv("STAGE_WITHOUT"), "moto")) {
		t.Skip("SKIPPED, forwarding to moto is untested: ", standin.ErrNoMoto)
	}
	cfg := world()
	cfg.Moto = standin.Moto(t)
	s := standin.Start(t, cfg)
	client := s3Of(userConfig(s, "stranger"))
	if _, err := client.CreateBucket(bounded(t), &s3.CreateBucketInput{Bucket: aws.String("in-moto")}); err != nil {
		// moto wants a location outside us-east-1; that it answered is enough
		wantCode(t, err, "IllegalLocationConstraintException", "")
	}
	key := "a b/c+d/é%20&=?#;"
	cfgUS := userConfig(s, "stranger")
	cfgUS.Region = "us-east-1"
	client = s3Of(cfgUS)
	if _, err := client.CreateBucket(bounded(t), &s3.CreateBucketInput{Bucket: aws.String("in-moto")}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutObject(bounded(t), &s3.PutObjectInput{Bucket: aws.String("in-moto"), Key: &key, Body: strings.NewReader("x")}); err != nil {
		t.Fatal(err)
	}
	head, err := client.HeadObject(bounded(t), &s3.HeadObjectInput{Bucket: aws.String("in-moto"), Key: &key})
	if err != nil || *head.ContentLength != 1 {
		t.Errorf("%+v %v", head, err)
	}
	// What moto alone knows, in the account of the caller.
	policy, err := iam.NewFromConfig(userConfig(s, "stranger")).CreatePolicy(bounded(t), &iam.CreatePolicyInput{
		PolicyName: aws.String("p"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`),
	})
	if err != nil || !strings.HasPrefix(*policy.Policy.Arn, "arn:aws:iam::"+devAccount) {
		t.Errorf("%+v %v", policy, err)
	}
	_, err = s3Of(config(s, "AKIAIOSFODNN7EXAMPLE", "x", "")).ListBuckets(bounded(t), nil)
	wantCode(t, err, "InvalidAccessKeyId", "")
}
