"""Pages and API on one domain of CloudFront's, read from the templates."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from development_server.login import Login
from development_server.pages import HEADERS
from pages_deployment import firewall
from pages_deployment.files import FOLDERS
from pages_deployment.upload import CACHE_CONTROL
from session_api.app import create_app
from session_api.request_source import SECRET_HEADER
from tests.harness.templates import load

ROOT = Path(__file__).parents[2]
TEMPLATE = load(ROOT / "template.yaml")
WEB = load(ROOT / "infra/web.yaml")
STACK: dict[str, Any] = TEMPLATE["Resources"]["Web"]
RESOURCES: dict[str, Any] = {name: each["Properties"] for name, each in WEB["Resources"].items()}
DISTRIBUTION: dict[str, Any] = RESOURCES["Distribution"]["DistributionConfig"]
API: dict[str, Any] = DISTRIBUTION["DefaultCacheBehavior"]
PAGES: list[dict[str, Any]] = DISTRIBUTION["CacheBehaviors"]
ORIGINS: dict[str, Any] = {each["Id"]: each for each in DISTRIBUTION["Origins"]}
POLICY: dict[str, Any] = RESOURCES["Headers"]["ResponseHeadersPolicyConfig"]
STATEMENTS: list[dict[str, Any]] = RESOURCES["PagesForTheDistribution"]["PolicyDocument"]["Statement"]
PARAMETERS: dict[str, Any] = TEMPLATE["Parameters"]
# AWS's own policies, which have the same ids in every account.
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"


def is_set(name: str) -> dict[str, Any]:
    return {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]}


def join(value: Any, parameters: dict[str, str]) -> str:
    """What CloudFormation makes of texts, with !If, !Sub, !Join, !Split and !Select."""
    match value:
        case str():
            return value
        case {"Ref": name}:
            return parameters[name]
        case {"Fn::If": ["HasJwt", yes, no]}:
            return join(yes if parameters["JwtIssuer"] else no, parameters)
        case {"Fn::Sub": [text, variables]}:
            known = {name: join(each, parameters) for name, each in variables.items()}
            return re.sub(r"\$\{(\w+)\}", lambda name: known[name[1]], text)
        case {"Fn::Join": [separator, {"Fn::Split": [mark, text]}]}:
            return str(separator).join(join(text, parameters).split(mark))
        case {"Fn::Join": [separator, list(parts)]}:
            return str(separator).join(join(each, parameters) for each in parts)
        case {"Fn::Select": [int(index), {"Fn::Split": [mark, text]}]}:
            return join(text, parameters).split(mark)[index]
    raise AssertionError(value)


def headers(issuer: str = "", others: str = "") -> dict[str, str]:
    """The headers of a page, of a stack with these parameters."""
    security = POLICY["SecurityHeadersConfig"]
    content = security["ContentSecurityPolicy"]["ContentSecurityPolicy"]
    return {
        "Content-Security-Policy": join(content, {"JwtIssuer": issuer, "LoginOrigins": others}),
        "X-Content-Type-Options": "nosniff" if security["ContentTypeOptions"]["Override"] else "",
        "Referrer-Policy": security["ReferrerPolicy"]["ReferrerPolicy"],
        "Cache-Control": CACHE_CONTROL,
        **{each["Header"]: each["Value"] for each in POLICY["CustomHeadersConfig"]["Items"]},
    }


def directives(policy: str) -> dict[str, list[str]]:
    parts = [each.split() for each in policy.split(";")]
    assert len(parts) == len({each[0] for each in parts})
    return {each[0]: each[1:] for each in parts}


# The headers of the pages


def test_pages_have_the_headers_of_the_development_server() -> None:
    found, local = headers(), dict(HEADERS)
    assert directives(found.pop("Content-Security-Policy")) == directives(
        local.pop("Content-Security-Policy")
    )
    assert found == local


def test_they_may_call_the_issuer_of_tokens_and_nobody_else() -> None:
    policy = headers("https://login.example.org/school/", "https://a.example.org,https://b.example.org:8443")
    found = directives(policy["Content-Security-Policy"])
    local = directives(HEADERS["Content-Security-Policy"])
    called = ["https://login.example.org", "https://a.example.org", "https://b.example.org:8443"]
    assert found.pop("connect-src") == [*local.pop("connect-src"), *called]
    assert found == local


@pytest.mark.parametrize(
    "origins",
    [
        "https://a.example.org; script-src *",
        "https://a.example.org 'unsafe-inline'",
        "*",
        "http://a.example.org",
        "https://a.example.org/path",
        "https://a.example.org,",
    ],
)
def test_no_origin_changes_another_rule(origins: str) -> None:
    assert not re.fullmatch(PARAMETERS["LoginOrigins"]["AllowedPattern"], origins)


def test_pages_stay_with_https_and_no_header_of_theirs_gives_way() -> None:
    assert POLICY["SecurityHeadersConfig"]["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 31536000
    policies = [*POLICY["SecurityHeadersConfig"].values(), *POLICY["CustomHeadersConfig"]["Items"]]
    assert all(each["Override"] for each in policies)
    assert all(each["ResponseHeadersPolicyId"] == {"Ref": "Headers"} for each in PAGES)


# What is served by whom


def test_the_pages_folders_are_the_bucket_s_and_all_else_is_the_api_s() -> None:
    assert {each["PathPattern"] for each in PAGES} == {f"/{name}/*" for name in FOLDERS}
    assert {each["TargetOriginId"] for each in PAGES} == {"pages"}
    assert API["TargetOriginId"] == "api"


def test_no_path_of_the_api_is_one_of_the_pages() -> None:
    paths = create_app(lambda: pytest.fail("the document needs no services")).openapi()["paths"]
    assert not [name for name in FOLDERS if any(path.startswith(f"/{name}") for path in paths)]


def test_nothing_of_the_api_is_kept_by_cloudfront() -> None:
    assert API["CachePolicyId"] == CACHING_DISABLED
    # Errors are kept elsewhere, by their path alone and whatever their headers say.
    kept = {each["ErrorCode"]: each["ErrorCachingMinTTL"] for each in DISTRIBUTION["CustomErrorResponses"]}
    assert {400, 403, 404, 405, 414, 500, 501, 502, 503, 504} <= kept.keys()
    assert set(kept.values()) == {0}
    # Another page in the place of a problem would hide it.
    assert not [each for each in DISTRIBUTION["CustomErrorResponses"] if "ResponsePagePath" in each]


def test_the_api_gets_what_the_client_sent_but_for_the_host() -> None:
    assert API["OriginRequestPolicyId"] == ALL_VIEWER_EXCEPT_HOST
    assert set(API["AllowedMethods"]) == {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}
    assert "ResponseHeadersPolicyId" not in API


def test_pages_are_read_by_path_alone_and_never_written() -> None:
    for each in PAGES:
        assert each["AllowedMethods"] == ["GET", "HEAD"]
        assert each["CachePolicyId"] == CACHING_OPTIMIZED
        # It would let a query or a header of somebody's reach the bucket.
        assert "OriginRequestPolicyId" not in each


def test_nobody_is_served_without_https() -> None:
    assert {each["ViewerProtocolPolicy"] for each in (API, *PAGES)} == {"redirect-to-https"}
    assert ORIGINS["api"]["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    (_, own, _) = DISTRIBUTION["ViewerCertificate"]["Fn::If"]
    assert own["MinimumProtocolVersion"] == "TLSv1.2_2021"


def test_the_function_of_paths_is_before_the_root_and_the_pages() -> None:
    asked = [
        {"EventType": "viewer-request", "FunctionARN": {"Fn::GetAtt": "Paths.FunctionMetadata.FunctionARN"}}
    ]
    (pages,) = (each for each in PAGES if each["PathPattern"] == "/pages/*")
    assert API["FunctionAssociations"] == pages["FunctionAssociations"] == asked
    assert RESOURCES["Paths"]["AutoPublish"]


# The bucket


def test_the_bucket_is_private() -> None:
    bucket = RESOURCES["Pages"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert "WebsiteConfiguration" not in bucket
    assert bucket["BucketEncryption"]


def test_this_distribution_alone_reads_it() -> None:
    allowed = [each for each in STATEMENTS if each["Effect"] == "Allow"]
    for statement in allowed:
        assert statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
        source = statement["Condition"]["StringEquals"]["aws:SourceArn"]["Fn::Sub"]
        assert source.endswith(":distribution/${Distribution}")
    assert {each["Action"] for each in allowed} == {"s3:GetObject", "s3:ListBucket"}
    (read,) = (each for each in allowed if each["Action"] == "s3:GetObject")
    assert {each["Fn::Sub"] for each in read["Resource"]} == {f"${{Pages.Arn}}/{name}/*" for name in FOLDERS}
    control = RESOURCES["AccessToPages"]["OriginAccessControlConfig"]
    assert (control["SigningBehavior"], control["SigningProtocol"]) == ("always", "sigv4")
    assert ORIGINS["pages"]["OriginAccessControlId"] == {"Fn::GetAtt": "AccessToPages.Id"}
    assert ORIGINS["pages"]["S3OriginConfig"] == {"OriginAccessIdentity": ""}


def test_nobody_reads_or_writes_it_without_tls() -> None:
    (denied,) = (each for each in STATEMENTS if each["Effect"] == "Deny")
    assert denied["Principal"] == "*"
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


# The way to the API


def test_the_distribution_sends_one_of_the_secrets_that_the_api_takes() -> None:
    (header,) = ORIGINS["api"]["OriginCustomHeaders"]
    assert header["HeaderName"].lower() == SECRET_HEADER
    assert header["HeaderValue"] == {"Fn::Sub": "{{resolve:secretsmanager:${OriginSecretArn}:SecretString}}"}
    chosen = STACK["Properties"]["Parameters"]["OriginSecretArn"]["Fn::If"]
    assert chosen == ["SendsFirstSecret", {"Ref": "FirstOriginSecret"}, {"Ref": "SecondOriginSecret"}]
    condition, taken, given = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]["ORIGIN_SECRET"][
        "Fn::If"
    ]
    assert (condition, given) == ("HasPages", {"Ref": "OriginSecret"})
    assert taken["Fn::Sub"].split(",") == [
        f"{{{{resolve:secretsmanager:${{{name}}}:SecretString}}}}"
        for name in ("FirstOriginSecret", "SecondOriginSecret")
    ]


@pytest.mark.parametrize("name", ["FirstOriginSecret", "SecondOriginSecret"])
def test_nobody_knows_the_secrets_but_aws(name: str) -> None:
    secret = TEMPLATE["Resources"][name]
    assert secret["Condition"] == "HasPages"
    # Punctuation would need quotes, and a comma stands between two of them.
    assert secret["Properties"]["GenerateSecretString"] == {"PasswordLength": 48, "ExcludePunctuation": True}
    assert name not in json.dumps([TEMPLATE["Outputs"], WEB["Outputs"]])


def test_with_pages_nothing_else_reaches_the_api() -> None:
    closed = {"Fn::If": ["HasPages", "true", "false"]}
    assert TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]["ORIGIN_ONLY"] == closed
    assert TEMPLATE["Resources"]["Service"]["Properties"]["Parameters"]["OriginOnly"] == closed


def test_containers_are_reached_by_a_name_that_their_certificate_has() -> None:
    host = STACK["Properties"]["Parameters"]["ApiHost"]["Fn::If"]
    assert (host[0], host[2]) == ("IsLambdaApi", {"Ref": "ApiDomain"})
    rule = TEMPLATE["Rules"]["PagesOfContainersNeedADomain"]
    assert rule["Assertions"][0]["Assert"] == is_set("ApiDomain")


# The firewall


def test_the_firewall_is_the_balancer_s_but_for_its_place_and_the_codes_of_issuers() -> None:
    own = load(ROOT / "infra/web-acl.yaml")["Resources"]["Firewall"]["Properties"]
    balancer = load(ROOT / "infra/service.yaml")["Resources"]["Firewall"]["Properties"]
    assert (own.pop("Scope"), balancer.pop("Scope")) == ("CLOUDFRONT", "REGIONAL")
    (common,) = (each for each in own["Rules"] if each["Name"] == "common")
    overridden = common["Statement"]["ManagedRuleGroupStatement"]["RuleActionOverrides"]
    assert overridden.pop() == {"Name": "SizeRestrictions_QUERYSTRING", "ActionToUse": {"Count": {}}}
    # CloudFront has no path before the API's; a balancer may.
    body = balancer["CustomResponseBodies"]["TooMany"]
    body["Content"] = body["Content"]["Fn::Sub"].replace("${BasePath}", "")
    assert own == balancer


def test_a_school_may_send_as_much_to_either() -> None:
    declared = load(ROOT / "infra/web-acl.yaml")["Parameters"]["RequestsPerAddress"]["Default"]
    assert declared == PARAMETERS["RequestsPerAddress"]["Default"]


def test_behind_cloudfront_the_balancer_does_not_count_its_edges() -> None:
    limit = TEMPLATE["Resources"]["Service"]["Properties"]["Parameters"]["RequestsPerAddress"]
    assert limit == {"Fn::If": ["HasPages", 2_000_000_000, {"Ref": "RequestsPerAddress"}]}


def test_the_firewall_and_the_certificate_are_where_cloudfront_takes_them() -> None:
    assert firewall.REGION == "us-east-1"
    assert load(ROOT / "infra/web-acl.yaml")["Outputs"].keys() == {firewall.WEB_ACL_ARN}
    for name, arn in (
        ("WebAclArn", "arn:aws:wafv2:{}:123456789012:global/webacl/Firewall-1/2"),
        ("WebCertificateArn", "arn:aws:acm:{}:123456789012:certificate/1"),
    ):
        pattern = PARAMETERS[name]["AllowedPattern"]
        assert re.fullmatch(pattern, arn.format("us-east-1"))
        assert re.fullmatch(pattern, "")
        assert not re.fullmatch(pattern, arn.format("eu-central-1"))


# Where there are pages


def test_without_being_asked_for_there_are_none() -> None:
    assert PARAMETERS["WebPages"]["Default"] == "false"
    asked = {"Fn::Equals": [{"Ref": "WebPages"}, "true"]}
    assert TEMPLATE["Conditions"]["HasPages"] == {"Fn::And": [{"Condition": "IsAws"}, asked]}
    assert STACK["Condition"] == "HasPages"


def test_the_stack_gives_every_parameter_that_the_pages_have() -> None:
    assert STACK["Properties"]["Parameters"].keys() == WEB["Parameters"].keys()


def test_pages_ask_for_the_scopes_that_those_of_the_development_server_ask_for(tmp_path: Path) -> None:
    local = Login.by_tokens({}, tmp_path).config["scopes"]
    assert PARAMETERS["LoginStudentScope"]["Default"] == local["student"]
    assert PARAMETERS["LoginStaffScope"]["Default"] == local["staff"]


def test_pages_are_not_deployed_without_what_they_need() -> None:
    rules = {name: TEMPLATE["Rules"][name] for name in ("PagesNeedAFirewall", "PagesNeedAClient")}
    pages = {"Fn::Equals": [{"Ref": "WebPages"}, "true"]}
    assert rules["PagesNeedAFirewall"]["RuleCondition"] == pages
    assert [each["Assert"] for each in rules["PagesNeedAFirewall"]["Assertions"]] == [
        is_set("WebAclArn"),
        {"Fn::Equals": [{"Ref": "OriginSecret"}, ""]},
    ]
    assert rules["PagesNeedAClient"]["RuleCondition"] == {"Fn::And": [pages, is_set("JwtIssuer")]}
    assert rules["PagesNeedAClient"]["Assertions"][0]["Assert"] == is_set("LoginClientId")


def test_the_upload_finds_what_the_stack_says() -> None:
    source = (ROOT / "infra/local/pages_deployment").glob("*.py")
    text = "".join(path.read_text() for path in source)
    for output in ("PagesBucketName", "PagesHost"):
        assert output in text
        assert TEMPLATE["Outputs"][output]["Condition"] == "HasPages"
    for parameter in ("LoginClientId", "LoginStudentScope", "LoginStaffScope", "WebDomain", "JwtIssuer"):
        assert parameter in text
        assert parameter in PARAMETERS
