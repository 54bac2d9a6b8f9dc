package standin

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// bucket holds its objects in memory.
type bucket struct {
	account *Account
	name    string
	created time.Time
	objects map[string]object
}

type object struct {
	data        []byte
	contentType string
	etag        string
	modified    time.Time
}

func newBucket(a *Account, name string, now time.Time) *bucket {
	return &bucket{account: a, name: name, created: now, objects: map[string]object{}}
}

// s3Operation names the request as S3's API does; path style only.
func s3Operation(r *http.Request) string {
	name, key := bucketAndKey(r)
	query := r.URL.Query()
	switch {
	case name == "" && r.Method == http.MethodGet:
		return "ListBuckets"
	case key == "":
		switch {
		case r.Method == http.MethodHead:
			return "HeadBucket"
		case r.Method == http.MethodPut && len(query) == 0:
			return "CreateBucket"
		case r.Method == http.MethodDelete && len(query) == 0:
			return "DeleteBucket"
		case r.Method == http.MethodGet && query.Has("location"):
			return "GetBucketLocation"
		case r.Method == http.MethodGet && query.Get("list-type") == "2":
			return "ListObjectsV2"
		}
	case !query.Has("uploadId") && !query.Has("uploads") && !query.Has("tagging") && !query.Has("acl"):
		switch r.Method {
		case http.MethodGet:
			return "GetObject"
		case http.MethodHead:
			return "HeadObject"
		case http.MethodPut:
			return "PutObject"
		case http.MethodDelete:
			return "DeleteObject"
		}
	}
	return r.Method
}

func bucketAndKey(r *http.Request) (name, key string) {
	name, key, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return name, key
}

// bucket finds the request's bucket. Only its own account may use it: standin knows no bucket policies.
func (x *exchange) bucket(action string) (*bucket, string, error) {
	name, key := bucketAndKey(x.r)
	for _, b := range x.s.buckets {
		if b.name != name {
			continue
		}
		if b.account != x.caller.account {
			return nil, "", fail(403, "AccessDenied", "Access Denied")
		}
		resource := "arn:" + b.account.Partition + ":s3:::" + name
		if key != "" {
			resource += "/" + key
		}
		return b, key, x.authorize(action, resource)
	}
	return nil, "", fail(404, "NoSuchBucket", "The specified bucket does not exist")
}

const s3Namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

func listBuckets(x *exchange) (reply, error) {
	if err := x.authorize("s3:ListAllMyBuckets", "*"); err != nil {
		return reply{}, err
	}
	type item struct{ Name, CreationDate string }
	result := struct {
		XMLName xml.Name `xml:"ListAllMyBucketsResult"`
		XMLNS   string   `xml:"xmlns,attr"`
		Owner   string   `xml:"Owner>ID"`
		Buckets []item   `xml:"Buckets>Bucket"`
	}{XMLNS: s3Namespace, Owner: x.caller.account.ID}
	for _, b := range x.s.buckets {
		if b.account == x.caller.account {
			result.Buckets = append(result.Buckets, item{b.name, b.created.Format("2006-01-02T15:04:05.000Z")})
		}
	}
	return newReply(200, "application/xml", marshalXML(result)), nil
}

var bucketPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func createBucket(x *exchange) (reply, error) {
	name, _ := bucketAndKey(x.r)
	if !bucketPattern.MatchString(name) {
		return reply{}, fail(400, "InvalidBucketName", "The specified bucket is not valid.")
	}
	if err := x.authorize("s3:CreateBucket", "arn:"+x.caller.account.Partition+":s3:::"+name); err != nil {
		return reply{}, err
	}
	for _, b := range x.s.buckets {
		if b.name == name {
			return reply{}, fail(409, "BucketAlreadyExists", "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.")
		}
	}
	x.s.buckets = append(x.s.buckets, newBucket(x.caller.account, name, x.now))
	return reply{200, http.Header{"Location": {"/" + name}}, nil}, nil
}

func deleteBucket(x *exchange) (reply, error) {
	b, _, err := x.bucket("s3:DeleteBucket")
	if err != nil {
		return reply{}, err
	}
	if len(b.objects) > 0 {
		return reply{}, fail(409, "BucketNotEmpty", "The bucket you tried to delete is not empty")
	}
	x.s.buckets = slices.DeleteFunc(x.s.buckets, func(other *bucket) bool { return other == b })
	return reply{status: 204}, nil
}

func headBucket(x *exchange) (reply, error) {
	_, _, err := x.bucket("s3:ListBucket")
	return reply{status: 200, header: http.Header{"X-Amz-Bucket-Region": {x.auth.region}}}, err
}

func getBucketLocation(x *exchange) (reply, error) {
	if _, _, err := x.bucket("s3:GetBucketLocation"); err != nil {
		return reply{}, err
	}
	return newReply(200, "application/xml", marshalXML(struct {
		XMLName xml.Name `xml:"LocationConstraint"`
		XMLNS   string   `xml:"xmlns,attr"`
		Region  string   `xml:",chardata"`
	}{XMLNS: s3Namespace, Region: x.auth.region})), nil
}

func listObjectsV2(x *exchange) (reply, error) {
	b, _, err := x.bucket("s3:ListBucket")
	if err != nil {
		return reply{}, err
	}
	query := x.r.URL.Query()
	prefix, delimiter, size := query.Get("prefix"), query.Get("delimiter"), 1000
	if n, err := strconv.Atoi(query.Get("max-keys")); err == nil && n >= 0 && n < size {
		size = n
	}
	after := query.Get("start-after")
	if token := query.Get("continuation-token"); token != "" {
		decoded, err := base64.URLEncoding.DecodeString(token)
		if err != nil {
			return reply{}, fail(400, "InvalidArgument", "The continuation token provided is incorrect")
		}
		after = string(decoded)
	}
	encode := func(s string) string { return s }
	if query.Get("encoding-type") == "url" {
		encode = func(s string) string { return uriEncode(s, true) }
	}
	type item struct {
		Key, LastModified, ETag string
		Size                    int
		StorageClass            string
	}
	type common struct{ Prefix string }
	result := struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		XMLNS                 string   `xml:"xmlns,attr"`
		Name, Prefix          string
		Delimiter             string `xml:",omitempty"`
		EncodingType          string `xml:",omitempty"`
		MaxKeys, KeyCount     int
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
		Contents              []item
		CommonPrefixes        []common
	}{XMLNS: s3Namespace, Name: b.name, Prefix: encode(prefix), Delimiter: encode(delimiter), EncodingType: query.Get("encoding-type"), MaxKeys: size}
	keys := make([]string, 0, len(b.objects))
	for key := range b.objects {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	last := ""
	for _, key := range keys {
		rest, ok := strings.CutPrefix(key, prefix)
		if !ok {
			continue
		}
		entry := key
		if head, _, found := strings.Cut(rest, delimiter); delimiter != "" && found {
			entry = prefix + head + delimiter
		}
		if entry == last || entry <= after {
			continue
		}
		if result.KeyCount == size {
			result.IsTruncated = true
			result.NextContinuationToken = base64.URLEncoding.EncodeToString([]byte(last))
			break
		}
		if last = entry; entry != key {
			result.CommonPrefixes = append(result.CommonPrefixes, common{encode(entry)})
		} else {
			o := b.objects[key]
			result.Contents = append(result.Contents, item{encode(key), o.modified.Format("2006-01-02T15:04:05.000Z"), o.etag, len(o.data), "STANDARD"})
		}
		result.KeyCount++
	}
	return newReply(200, "application/xml", marshalXML(result)), nil
}

func putObject(x *exchange) (reply, error) {
	b, key, err := x.bucket("s3:PutObject")
	if err != nil {
		return reply{}, err
	}
	if sent := x.r.Header.Get("Content-Md5"); sent != "" {
		if sum := md5.Sum(x.object); sent != base64.StdEncoding.EncodeToString(sum[:]) {
			return reply{}, fail(400, "BadDigest", "The Content-MD5 you specified did not match what we received.")
		}
	}
	sum := md5.Sum(x.object)
	o := object{slices.Clone(x.object), x.r.Header.Get("Content-Type"), `"` + hex.EncodeToString(sum[:]) + `"`, x.now.Truncate(time.Second)}
	if _, exists := b.objects[key]; exists && x.r.Header.Get("If-None-Match") == "*" {
		return reply{}, fail(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
	}
	b.objects[key] = o
	return reply{200, http.Header{"Etag": {o.etag}}, nil}, nil
}

// getObject is HeadObject, too: the body is left out where it is written.
func getObject(x *exchange) (reply, error) {
	b, key, err := x.bucket("s3:GetObject")
	if err != nil {
		return reply{}, err
	}
	o, ok := b.objects[key]
	if !ok {
		return reply{}, fail(404, "NoSuchKey", "The specified key does not exist.")
	}
	contentType := o.contentType
	if contentType == "" {
		contentType = "binary/octet-stream"
	}
	return reply{200, http.Header{
		"Etag": {o.etag}, "Last-Modified": {o.modified.Format(http.TimeFormat)}, "Content-Type": {contentType},
	}, o.data}, nil
}

func deleteObject(x *exchange) (reply, error) {
	b, key, err := x.bucket("s3:DeleteObject")
	if err != nil {
		return reply{}, err
	}
	delete(b.objects, key)
	return reply{status: 204}, nil
}
