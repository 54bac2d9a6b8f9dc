package standin

// Operations that standin answers itself. Everything else of a signed service is moto's, if there is one.
var (
	signedHandlers = map[string]handler{
		"sts:GetCallerIdentity": getCallerIdentity,
		"sts:GetSessionToken":   getSessionToken,
		"sts:AssumeRole":        assumeRole,
		"sts:GetAccessKeyInfo":  getAccessKeyInfo,

		"iam:GetUser":                  getUser,
		"iam:CreateAccessKey":          createAccessKey,
		"iam:ListAccessKeys":           listAccessKeys,
		"iam:UpdateAccessKey":          updateAccessKey,
		"iam:DeleteAccessKey":          deleteAccessKey,
		"iam:GetAccessKeyLastUsed":     getAccessKeyLastUsed,
		"iam:ListMFADevices":           listMFADevices,
		"iam:SimulatePrincipalPolicy":  simulatePrincipalPolicy,
		"iam:GetPolicy":                getPolicy,
		"iam:CreateRole":               createRole,
		"iam:GetRole":                  getRole,
		"iam:DeleteRole":               deleteRole,
		"iam:TagRole":                  tagRole,
		"iam:UpdateAssumeRolePolicy":   updateAssumeRolePolicy,
		"iam:UpdateRole":               updateRole,
		"iam:PutRolePolicy":            putRolePolicy,
		"iam:GetRolePolicy":            getRolePolicy,
		"iam:DeleteRolePolicy":         deleteRolePolicy,
		"iam:ListRolePolicies":         listRolePolicies,
		"iam:AttachRolePolicy":         attachRolePolicy,
		"iam:DetachRolePolicy":         detachRolePolicy,
		"iam:ListAttachedRolePolicies": listAttachedRolePolicies,

		"organizations:DescribeOrganization":             describeOrganization,
		"organizations:ListAccounts":                     listOrgAccounts,
		"organizations:ListAccountsForParent":            listOrgAccounts,
		"organizations:ListOrganizationalUnitsForParent": listOrgUnits,
		"organizations:ListRoots":                        listRoots,
		"organizations:ListTagsForResource":              listOrgTags,

		"s3:ListBuckets":       listBuckets,
		"s3:CreateBucket":      createBucket,
		"s3:DeleteBucket":      deleteBucket,
		"s3:HeadBucket":        headBucket,
		"s3:GetBucketLocation": getBucketLocation,
		"s3:ListObjectsV2":     listObjectsV2,
		"s3:PutObject":         putObject,
		"s3:GetObject":         getObject,
		"s3:HeadObject":        getObject,
		"s3:DeleteObject":      deleteObject,
	}

	// publicHandlers need no signature: they have a proof of their own.
	publicHandlers = map[string]handler{
		"sts:AssumeRoleWithWebIdentity": assumeRoleWithWebIdentity,

		"sso-oidc:RegisterClient":           registerClient,
		"sso-oidc:StartDeviceAuthorization": startDeviceAuthorization,
		"sso-oidc:CreateToken":              createToken,
		"sso-oidc:Authorize":                authorize,
		"sso-oidc:DevicePage":               devicePage,
		"sso-oidc:ApproveDevice":            approveDevicePage,

		"sso:GetRoleCredentials": getRoleCredentials,
		"sso:ListAccounts":       listAssignedAccounts,
		"sso:ListAccountRoles":   listAssignedRoles,
		"sso:Logout":             ssoLogout,

		"signin:GetSigninToken": getSigninToken,
		"signin:Login":          login,
		"signin:":               unknownFederation,

		"signin:Authorize":         consoleAuthorize,
		"signin:Confirmation":      consoleConfirmation,
		"signin:CreateOAuth2Token": consoleToken,

		"container:GetCredentials": containerCredentials,
		"imds:GetToken":            imdsToken,
		"imds:GetMetadata":         imdsMetadata,
	}
)
