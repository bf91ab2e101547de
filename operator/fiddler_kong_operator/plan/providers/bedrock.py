"""Amazon Bedrock: calls signed with an identity of AWS, one host for each region."""

from __future__ import annotations

from typing import Any, Final

from fiddler_kong_operator.api import Model

from .auth import aws_auth
from .contract import Provider, calls
from .upstream import Upstream

__all__ = ["BEDROCK"]


def _locate(llm: Model) -> Upstream | None:
    return Upstream(f"bedrock-runtime.{llm.bedrock.region.lower()}.amazonaws.com") if llm.bedrock else None


def _options(llm: Model) -> dict[str, Any]:
    bedrock, aws = llm.bedrock, llm.auth.aws if llm.auth else None
    if bedrock is None:
        return {}
    given = {
        "aws_region": bedrock.region,
        "aws_assume_role_arn": aws.assume_role_arn if aws else None,
        "aws_role_session_name": aws.role_session_name if aws else None,
        "batch_bucket_prefix": bedrock.batch_bucket_prefix,
        "batch_role_arn": bedrock.batch_role_arn,
        "embeddings_normalize": bedrock.embeddings_normalize,
        "performance_config_latency": bedrock.performance_config_latency,
        "video_output_s3_uri": bedrock.video_output_s3_uri,
    }
    return {"bedrock": {name: value for name, value in given.items() if value is not None}}


def _check(llm: Model) -> tuple[str, ...]:
    if llm.route_type != "video/v1/videos/generations" or (llm.bedrock and llm.bedrock.video_output_s3_uri):
        return ()
    return (f"bedrock.videoOutputS3Uri: must be given for {llm.route_type}: Bedrock puts videos into a bucket.",)


BEDROCK: Final = Provider(
    name="bedrock",
    locate=_locate,
    route_types=calls("chat", "completions", "embeddings", "images/generations", "images/edits", "videos", "batches"),
    auth=aws_auth,
    options=_options,
    check=_check,
    formats=frozenset({"bedrock"}),
    since={("llm/v1/batches", "openai"): (3, 14)},
    speaks_openai=False,
    needs="`bedrock.region`, `auth.aws`",
    takes="an access key's id and secret; or none (`auth.aws: {}`)",
)
