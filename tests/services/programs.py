"""Where the programs are that some steps run: Terraform and Ansible.

Ansible comes from the package index with the extra `ansible`, so a run that requires services
requires it. Terraform cannot be installed by us, so without it its tests are skipped even then.
"""

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.services.missing import MARK, missing


def terraform_program() -> Path:
    """Return Terraform's program, or skip the calling test."""
    found = shutil.which("terraform")
    if found is None:
        pytest.skip(f"{MARK}Terraform is not here; install it yourself, nobody can do it for you")
    return Path(found)


def ansible_program() -> Path:
    """Return Ansible's program, from beside this Python or from PATH."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which("ansible-playbook", path=os.pathsep.join((beside, os.environ.get("PATH", ""))))
    return Path(found) if found else missing("Ansible", "install the extra: pip install 'avow[ansible]'")
