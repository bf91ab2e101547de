"""The operator's bill of materials (SBOM) in CycloneDX's form, from its lock file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.metadata import requires
from typing import Final
from uuid import NAMESPACE_OID, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from codegen.licences import licence_of
from codegen.lock import OPERATOR, Package, read_lock
from fiddler_kong_operator import __version__, names

__all__ = ["build_bom"]

_LICENCES: Final = LicenseFactory()


def build_bom(made: datetime) -> str:
    """The bill of materials as JSON: the same text for the same lock file, version and moment."""
    packages = {package.name: _component(package) for package in read_lock(OPERATOR)}
    operator = _described(Component(name=names.APPLICATION, version=__version__, type=ComponentType.APPLICATION), "Apache-2.0")
    serial = uuid5(NAMESPACE_OID, f"{__version__} {hashlib.sha256(OPERATOR.read_bytes()).hexdigest()}")
    metadata = BomMetaData(component=operator, timestamp=made)
    bom = Bom(components=packages.values(), serial_number=serial, metadata=metadata)
    for component in (operator, *packages.values()):
        bom.register_dependency(component, _required(component.name, packages))
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _component(package: Package) -> Component:
    """A locked package, with the digests of the files that the lock accepts: one of them is installed."""
    url = PackageURL("pypi", name=package.name, version=package.version)
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in package.hashes]
    files = ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=XsUri(str(url)), hashes=hashes)
    component = Component(name=package.name, version=package.version, purl=url, external_references=[files])
    return _described(component, licence_of(package.name))


def _described(component: Component, licence: str) -> Component:
    component.bom_ref.value = component.name
    component.licenses.add(_LICENCES.make_from_string(licence))
    return component


def _required(name: str, packages: Mapping[str, Component]) -> Iterator[Component]:
    """The locked packages that a package asks for on this platform, without its extras."""
    for line in requires(name) or ():
        requirement = Requirement(line)
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if wanted and (found := packages.get(canonicalize_name(requirement.name))):
            yield found
