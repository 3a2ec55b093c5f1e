"""What a Terraform module may hold, judged from its text before Terraform sees it."""

import pytest

from executors.step import Permanent
from executors.steps.terraform.module import module_files

NEEDS, REFUSED = "terraform_provider_needed", "terraform_module_refused"
HOSTILE = {
    "another resource": ('resource "random_id" "x" {\n  byte_length = 2\n}', NEEDS),
    "a bare label": ("resource null_resource x {\n}", NEEDS),
    "required providers": (
        'terraform {\n  required_providers {\n    null = { source = "x/null" }\n  }\n}',
        NEEDS,
    ),
    "a provider": ('provider "terraform" {\n}', NEEDS),
    "a module": ('module "x" {\n  source = "git::https://example.org/x.git"\n}', REFUSED),
    "another state": ('data "terraform_remote_state" "x" {\n  backend = "local"\n}', REFUSED),
    "an escaped label": ('data "terraform_remote\\u005fstate" "x" {\n  backend = "local"\n}', REFUSED),
    "a data source in a check": (
        'check "x" {\n  data "terraform_remote_state" "x" {\n    backend = "local"\n  }\n}',
        REFUSED,
    ),
    "a program": (
        'resource "terraform_data" "x" {\n  provisioner "local-exec" {\n    command = "touch canary"\n  }\n}',
        REFUSED,
    ),
    "a bare program": (
        'resource "terraform_data" "x" {\n provisioner local-exec {\n    command = "touch canary"\n  }\n}',
        REFUSED,
    ),
    "a backend": ('terraform {\n  backend "http" {\n    address = "http://127.0.0.1"\n  }\n}', REFUSED),
    "the cloud": ("terraform {\n  cloud {\n  }\n}", REFUSED),
    "a file": ('output "o" {\n  value = file("/etc/passwd")\n}', REFUSED),
    "a file in a text": ('output "o" {\n  value = "x${ file ( "/etc/passwd") }"\n}', REFUSED),
    "a file after a comment": ('output "o" {\n  value = (file # x\n("/etc/passwd"))\n}', REFUSED),
    "a core function": ('output "o" {\n  value = core::filebase64("/etc/passwd")\n}', REFUSED),
    "a block comment": ('/* */ output "o" {\n  value = 1\n}', REFUSED),
    "an odd first character": ('\ufeffdata "terraform_remote_state" "x" {\n}', REFUSED),
}


@pytest.mark.parametrize(("text", "code"), HOSTILE.values(), ids=HOSTILE)
def test_a_module_that_reaches_out_is_refused(text: str, code: str) -> None:
    with pytest.raises(Permanent) as refused:
        module_files({"tf/main.tf": text + "\n"}, "tf")
    assert refused.value.code == code


def test_what_only_looks_like_it_is_let_through() -> None:
    text = """
locals {
  data     = { module = 1, backend = "x" }
  provider = "file"
  profile  = lower("A")
}

output "more" {
  # the data of a module
  value = [for data in [1] : data]
}

resource "terraform_data" "x" {
}
"""
    assert module_files({"tf/main.tf": text, "tf/readme.md": "", "other/x.tf": ""}, "tf") == {"main.tf": text}


def test_a_refusal_names_file_and_line() -> None:
    files = {"tf/a.tf": "", "tf/z.tf": '\n\nmodule "x" {\n  source = "./x"\n}\n'}
    with pytest.raises(Permanent, match=r"^tf/z\.tf:3: no module is downloaded"):
        module_files(files, "tf")


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"tf/readme.md": "x"},
        {"tf/main.tf.json": "{}", "tf/main.tf": ""},
        {"tf/sub/main.tf": "", "tf/main.tf": ""},
    ],
    ids=["nothing", "no module", "JSON", "a folder within"],
)
def test_only_tf_files_of_one_folder_are_a_module(files: dict[str, str]) -> None:
    with pytest.raises(Permanent, match=r"\.tf file"):
        module_files(files, "tf")


@pytest.mark.parametrize("folder", ["", ".", "..", "/etc", "tf/../x", "tf/", "a\n"], ids=ascii)
def test_a_module_lies_in_a_folder_of_the_bundle(folder: str) -> None:
    with pytest.raises(Permanent) as refused:
        module_files({"tf/main.tf": "", "/etc/main.tf": "", "../main.tf": ""}, folder)
    assert refused.value.code == "terraform_module_missing"


@pytest.mark.parametrize(
    "files",
    [{f"tf/{number}.tf": "" for number in range(51)}, {"tf/main.tf": "#" * 300_000}],
    ids=["too many", "too large"],
)
def test_a_module_has_limits(files: dict[str, str]) -> None:
    with pytest.raises(Permanent, match="larger than"):
        module_files(files, "tf")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("part", ["{", "file ", "file#\n", "\ndata", "{ ", "file\n", '"'])
def test_a_hostile_text_is_judged_in_one_walk(part: str) -> None:
    text = part * (200_000 // len(part))
    assert module_files({"tf/main.tf": text}, "tf") == {"main.tf": text}
