"""How the pages come to AWS: what is uploaded, in which order, and what SAM is told."""

from __future__ import annotations

import json
import shlex
from pathlib import Path, PurePath
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from pages_deployment import __main__ as command
from pages_deployment.files import CONFIG, File, is_served, served
from pages_deployment.firewall import REGION, deploy_firewall
from pages_deployment.settings import Environment
from pages_deployment.stack import Stack
from pages_deployment.upload import CACHE_CONTROL, upload

ROOT = Path(__file__).parents[2]
BUCKET = "pages"
PARAMETERS = {
    "JwtIssuer": "https://login.example.org/school",
    "LoginClientId": "quiz-pages",
    "LoginStudentScope": "openid",
    "LoginStaffScope": "openid sessions:proctor",
    "WebDomain": "",
}
SAMCONFIG = """
[dev.deploy.parameters]
stack_name = "quiz-dev"
parameter_overrides = ["WebPages=true", 'LoginStaffScope="openid audit:read"', "RequestsPerAddress=500"]
[text.deploy.parameters]
stack_name = "quiz-text"
parameter_overrides = 'Stage=dev LoginStaffScope="openid audit:read" WebPages="true"'
[own.deploy.parameters]
stack_name = "quiz-own"
parameter_overrides = ["WebPages=true", "WebAclArn=arn:aws:wafv2:us-east-1:1:global/webacl/mine/1"]
[none.deploy.parameters]
stack_name = "quiz-none"
parameter_overrides = ["WebPages=false"]
[bare.deploy.parameters]
stack_name = "quiz-bare"
"""


class CloudFormation:
    """What stands in for AWS's: stacks with their parameters, and whether somebody waited for them."""

    def __init__(self) -> None:
        self.stacks: dict[str, dict[str, str]] = {}
        self.outputs: dict[str, str] = {}
        self.log: list[str] = []

    def describe_stacks(self, **asked: str) -> Any:
        name = asked["StackName"]
        if name not in self.stacks:
            raise self._error(f"Stack with id {name} does not exist")
        parameters = self.stacks[name]
        outputs = {"WebAclArn": f"arn:of:{parameters.get('RequestsPerAddress')}", **self.outputs}
        return {
            "Stacks": [
                {
                    "Parameters": [
                        {"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()
                    ],
                    "Outputs": [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()],
                }
            ]
        }

    def create_stack(self, **asked: Any) -> None:
        self._put("create", asked)

    def update_stack(self, **asked: Any) -> None:
        if self.stacks[asked["StackName"]] == self._parameters(asked):
            raise self._error("No updates are to be performed.")
        self._put("update", asked)

    def get_waiter(self, name: str) -> CloudFormation:
        self.log.append(name)
        return self

    def wait(self, **asked: str) -> None:
        assert asked["StackName"] in self.stacks

    def _put(self, what: str, asked: dict[str, Any]) -> None:
        assert asked["TemplateBody"] == FIREWALL
        self.log.append(what)
        self.stacks[asked["StackName"]] = self._parameters(asked)

    @staticmethod
    def _parameters(asked: dict[str, Any]) -> dict[str, str]:
        return {each["ParameterKey"]: each["ParameterValue"] for each in asked["Parameters"]}

    @staticmethod
    def _error(message: str) -> ClientError:
        return ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "AnOperation")


FIREWALL = "Resources: {}"


@pytest.fixture
def s3(aws: None) -> Any:
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return client


@pytest.fixture
def samconfig(tmp_path: Path) -> Path:
    path = tmp_path / "samconfig.toml"
    path.write_text(SAMCONFIG)
    return path


@pytest.fixture
def root(samconfig: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of this test's own."""
    folder = samconfig.parent
    (folder / "infra").mkdir()
    (folder / "infra/web-acl.yaml").write_text(FIREWALL)
    (folder / "clients/pages").mkdir(parents=True)
    (folder / "clients/pages/index.html").write_text("<!doctype html>")
    monkeypatch.setattr(command, "ROOT", folder)
    return folder


def keys(s3: Any) -> set[str]:
    return {each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET).get("Contents", ())}


def html(key: str) -> File:
    return File(key, b"<!doctype html>", "text/html; charset=utf-8")


# Which files


def test_every_file_that_a_page_loads_is_served_and_nothing_else() -> None:
    found = {file.key for file in served(ROOT / "clients", {})}
    assert {"pages/index.html", "pages/common/config.js", "pages/common/style.css", CONFIG} <= found
    assert {"pages/common/icon.svg", "pages/vendor/LICENSES", "browser/quiz-sessions.js"} <= found
    there = {path.relative_to(ROOT / "clients").as_posix() for path in (ROOT / "clients").rglob("*.js")}
    assert there <= found
    assert not [key for key in found if key.endswith((".ts", ".map", ".py", ".md"))]
    assert {key for key in found if key.endswith(".json")} == {CONFIG}


@pytest.mark.parametrize(
    "path",
    ["browser/types.d.ts.map", "browser/node_modules/x/y.js", "pages/.local/y.js", "pages/.y.js", "js"],
)
def test_what_no_page_loads_is_served_nowhere(path: str) -> None:
    assert not is_served(PurePath(path))


def test_a_page_comes_after_the_modules_and_settings_that_it_asks_for() -> None:
    listed = [file.key for file in served(ROOT / "clients", {})]
    pages = [key for key in listed if key.endswith(".html")]
    assert len(pages) > 1
    assert listed[-len(pages) :] == pages
    assert listed[-len(pages) - 1] == CONFIG


def test_browsers_are_told_what_each_file_is() -> None:
    types = {file.key: file.content_type for file in served(ROOT / "clients", {})}
    # With nosniff a module of another type is not run.
    assert types["browser/quiz-sessions.js"] == "text/javascript; charset=utf-8"
    assert types["pages/index.html"] == "text/html; charset=utf-8"
    assert types["pages/common/style.css"] == "text/css; charset=utf-8"
    assert types["pages/common/icon.svg"] == "image/svg+xml"
    assert types["pages/vendor/LICENSES"] == "text/plain; charset=utf-8"
    assert types[CONFIG] == "application/json"


# What the pages are told


def test_the_pages_are_told_who_signs_people_in() -> None:
    (told,) = (
        file for file in served(ROOT / "clients", Stack(PARAMETERS, {}).config()) if file.key == CONFIG
    )
    assert json.loads(told.content) == {
        "api": "..",
        "login": {
            "kind": "oidc",
            "issuer": "https://login.example.org/school",
            "clientId": "quiz-pages",
            "scopes": {"student": "openid", "staff": "openid sessions:proctor"},
        },
    }


def test_without_an_issuer_nobody_signs_in() -> None:
    assert Stack({**PARAMETERS, "JwtIssuer": ""}, {}).config() == {"api": "..", "login": {"kind": "none"}}


# Into the bucket


def test_a_file_has_its_type_and_is_asked_for_anew(s3: Any) -> None:
    upload(s3, BUCKET, [html("pages/index.html")])
    found = s3.get_object(Bucket=BUCKET, Key="pages/index.html")
    assert (found["ContentType"], found["CacheControl"]) == ("text/html; charset=utf-8", CACHE_CONTROL)
    assert found["Body"].read() == b"<!doctype html>"


def test_what_is_gone_is_deleted_and_what_is_not_the_pages_stays(s3: Any) -> None:
    for key in ("pages/old.html", "browser/old.js", "somebody/else.txt"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"")
    assert sorted(upload(s3, BUCKET, [html("pages/index.html")])) == ["browser/old.js", "pages/old.html"]
    assert keys(s3) == {"pages/index.html", "somebody/else.txt"}


def test_more_is_deleted_than_one_list_has(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    for number in range(5):
        s3.put_object(Bucket=BUCKET, Key=f"pages/{number}.js", Body=b"")
    assert len(upload(s3, BUCKET, [html("pages/index.html")])) == 5
    assert keys(s3) == {"pages/index.html"}


def test_all_is_uploaded_in_its_order_before_anything_is_deleted(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="pages/old.js", Body=b"")
    done: list[tuple[str, str]] = []
    s3.meta.events.register(
        "before-call.s3.*",
        lambda model, params, **_: done.append((model.name, params["url_path"].removeprefix("/"))),
    )
    upload(s3, BUCKET, [html("pages/b.html"), html("pages/a.html")])
    changes = [(name, key) for name, key in done if name in ("PutObject", "DeleteObject")]
    assert [name for name, _ in changes] == ["PutObject", "PutObject", "DeleteObject"]
    assert [key.rpartition("/")[2] for _, key in changes] == ["b.html", "a.html", "old.js"]


# What samconfig.toml says


@pytest.mark.parametrize("name", ["dev", "text"])
def test_parameters_are_read_as_sam_reads_them(samconfig: Path, name: str) -> None:
    environment = Environment.read(samconfig, name)
    assert environment.has_pages
    assert environment.value("LoginStaffScope") == "openid audit:read"
    assert 'LoginStaffScope="openid audit:read"' in environment.overrides
    assert environment.value("Stag") is None


@pytest.mark.parametrize("name", ["none", "bare"])
def test_pages_are_where_samconfig_says_so(samconfig: Path, name: str) -> None:
    assert not Environment.read(samconfig, name).has_pages


def test_the_last_value_counts() -> None:
    assert Environment("quiz", ("WebPages=true", "WebPages=false")).value("WebPages") == "false"


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_the_environments_of_the_repository_can_be_read(name: str) -> None:
    assert Environment.read(ROOT / "samconfig.toml", name).value("Stage") == name


# The firewall


def test_the_firewall_is_made_once_and_follows_its_parameters(root: Path) -> None:
    cloudformation = CloudFormation()

    def deployed(*overrides: str) -> str:
        return deploy_firewall(cloudformation, root / "infra/web-acl.yaml", Environment("quiz", overrides))

    assert deployed() == "arn:of:None"
    assert deployed("RequestsPerAddress=500") == deployed("RequestsPerAddress=500") == "arn:of:500"
    assert list(cloudformation.stacks) == ["quiz-firewall"]
    waited = ["create", "stack_create_complete", "update", "stack_update_complete"]
    assert cloudformation.log == waited


def test_an_account_that_may_not_look_is_told_so(root: Path) -> None:
    class Forbidding(CloudFormation):
        def describe_stacks(self, **asked: str) -> Any:
            raise self._error("not authorized")

    with pytest.raises(ClientError, match="not authorized"):
        deploy_firewall(Forbidding(), root / "infra/web-acl.yaml", Environment("quiz", ()))


# The command


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr("sys.argv", ["pages_deployment", *arguments])
    command.main()


def test_sam_is_told_all_parameters_and_the_firewall(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, str]] = []

    def client(service: str, region_name: str) -> CloudFormation:
        asked.append((service, region_name))
        return CloudFormation()

    monkeypatch.setattr(boto3, "client", client)
    run(monkeypatch, "before", "dev")
    assert shlex.split(capsys.readouterr().out) == [
        "--parameter-overrides",
        "WebPages=true",
        'LoginStaffScope="openid audit:read"',
        "RequestsPerAddress=500",
        "WebAclArn=arn:of:500",
    ]
    assert asked == [("cloudformation", REGION)]


@pytest.mark.parametrize("name", ["none", "bare", "own"])
def test_sam_is_told_nothing_where_there_is_nothing_to_tell(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    run(monkeypatch, "before", name)
    assert capsys.readouterr().out == ""


def test_the_pages_get_into_the_bucket_that_the_stack_names(
    s3: Any, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cloudformation = CloudFormation()
    cloudformation.stacks["quiz-dev"] = PARAMETERS
    cloudformation.outputs = {"PagesBucketName": BUCKET, "PagesHost": "d1.cloudfront.net"}
    regions: list[str | None] = []

    class Session:
        def __init__(self, region_name: str | None) -> None:
            regions.append(region_name)

        def client(self, service: str) -> Any:
            return {"cloudformation": cloudformation, "s3": s3}[service]

    monkeypatch.setattr(boto3, "Session", Session)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    run(monkeypatch, "upload", "dev")
    assert keys(s3) == {"pages/index.html", CONFIG}
    assert regions == ["eu-west-1"]
    assert "https://d1.cloudfront.net/" in capsys.readouterr().out


def test_without_pages_nothing_is_uploaded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # There are no sockets here.
    run(monkeypatch, "upload", "none")
