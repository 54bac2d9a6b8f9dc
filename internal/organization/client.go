package organization

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithy "github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// client makes signed calls of the JSON protocol. Its errors are of the SDK's own kinds.
type client struct {
	config   aws.Config
	retryer  aws.RetryerV2
	endpoint string
	region   string // that calls are signed for: the one of the partition that the service is in
}

// newClient finds the endpoint as the SDK does: where the configuration says, else the partition's only one. Partitions and
// their domains are known to the SDK's STS client, which is in the program anyway.
func newClient(ctx context.Context, config aws.Config, region string) (*client, error) {
	c := &client{config: config, retryer: config.Retryer().(aws.RetryerV2), endpoint: configured(ctx, config), region: region}
	if c.endpoint != "" {
		return c, nil
	}
	at, err := sts.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, sts.EndpointParameters{Region: &region})
	if err != nil {
		return nil, err
	}
	at.URI.Host = "organizations" + strings.TrimPrefix(at.URI.Host, "sts")
	c.endpoint = at.URI.String()
	return c, nil
}

// configured is the endpoint of AWS_ENDPOINT_URL_ORGANIZATIONS, AWS_ENDPOINT_URL and the like.
func configured(ctx context.Context, config aws.Config) string {
	for _, source := range config.ConfigSources {
		if s, ok := source.(interface {
			GetIgnoreConfiguredEndpoints(context.Context) (bool, bool, error)
		}); ok {
			if ignore, _, _ := s.GetIgnoreConfiguredEndpoints(ctx); ignore {
				return ""
			}
		}
	}
	for _, source := range config.ConfigSources {
		if s, ok := source.(interface {
			GetServiceBaseEndpoint(context.Context, string) (string, bool, error)
		}); ok {
			if url, found, err := s.GetServiceBaseEndpoint(ctx, "Organizations"); err == nil && found {
				return url
			}
		}
	}
	return aws.ToString(config.BaseEndpoint)
}

// call asks until there is an answer, or no hope of one.
func (c *client) call(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		release, err := c.retryer.GetAttemptToken(ctx)
		if err != nil {
			return err
		}
		err = c.once(ctx, operation, body, out)
		release(err)
		if err == nil || ctx.Err() != nil || attempt >= c.retryer.MaxAttempts() || !c.retryer.IsErrorRetryable(err) {
			return err
		}
		delay, derr := c.retryer.RetryDelay(attempt, err)
		if derr != nil {
			return err
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return err
		}
	}
}

// largestAnswer is a hundred times more than a page has.
const largestAnswer = 4 << 20

func (c *client) once(ctx context.Context, operation string, body []byte, out any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", "AWSOrganizationsV20161128."+operation)
	credentials, err := c.config.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, credentials, request, hex.EncodeToString(sum[:]), "organizations", c.region, time.Now()); err != nil {
		return err
	}
	response, err := c.config.HTTPClient.Do(request)
	if err != nil {
		return &smithyhttp.RequestSendError{Err: err}
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, largestAnswer))
	if err != nil {
		return &smithyhttp.RequestSendError{Err: err}
	}
	if response.StatusCode == http.StatusOK {
		if err = json.Unmarshal(answer, out); err == nil {
			return nil
		}
		err = &smithy.DeserializationError{Err: errors.New("the answer is not JSON")}
	} else {
		err = refusal(response, answer)
	}
	return &awshttp.ResponseError{
		ResponseError: &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: response}, Err: err},
		RequestID:     response.Header.Get("X-Amzn-Requestid"),
	}
}

// refusal is AWS's error, with an empty code if it isn't AWS that answers.
func refusal(response *http.Response, answer []byte) *smithy.GenericAPIError {
	var said struct {
		Type    string `json:"__type"`
		Message string // also "message"
		Reason  string
	}
	json.Unmarshal(answer, &said) // what isn't JSON says nothing
	code := said.Type[strings.LastIndexByte(said.Type, '#')+1:]
	fault := smithy.FaultClient
	if response.StatusCode >= 500 {
		fault = smithy.FaultServer
	}
	return &smithy.GenericAPIError{Code: code, Message: strings.TrimSpace(said.Message + " " + said.Reason), Fault: fault}
}
