"""Writes every generated file from its source; a development tool, not part of the package.

    sources                                   outputs
    api, api.crd (versions, types, rules)     crds/, the chart's templates/crd.yaml, docs/reference/api.md
    api.conditions (registry of reasons)      docs/reference/conditions.md
    observe.rbac (table of permissions)       manifests/install/rbac.yaml, the chart's templates/roles.yaml, docs/reference/permissions.md
    requirements/, sink/requirements.txt      docs/reference/licences.md
    pictures                                  docs/pictures
    settings                                  the chart's values.yaml and values.schema.json, docs/reference/settings.md

`python -m codegen` writes them, `python -m codegen --verify` fails if one differs. Each generator is a pure function that returns texts.
"""
