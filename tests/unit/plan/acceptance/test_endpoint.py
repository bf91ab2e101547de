from __future__ import annotations

import pytest

from fiddler_kong_operator.plan.acceptance.endpoint import (
    STRICT,
    Endpoint,
    EndpointPolicy,
    RefusedAddress,
    is_in_cluster,
    may_disclose,
    parse_endpoint,
    refusal,
    upstream_refusal,
    usable_addresses,
)

HTTPS = Endpoint("https", "fiddler.example", 443)


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://acme.fiddler.ai", Endpoint("https", "acme.fiddler.ai", 443)),
        ("https://acme.fiddler.ai/", Endpoint("https", "acme.fiddler.ai", 443)),
        ("https://acme.fiddler.ai:8443", Endpoint("https", "acme.fiddler.ai", 8443)),
        ("https://[2001:db8::1]:4318", Endpoint("https", "2001:db8::1", 4318)),
        ("http://sink.observe.svc:4318", Endpoint("http", "sink.observe.svc", 4318)),
        ("http://sink.observe.svc.cluster.local", Endpoint("http", "sink.observe.svc.cluster.local", 80)),
    ],
)
def test_urls_that_may_be_probed(url: str, endpoint: Endpoint) -> None:
    assert endpoint == parse_endpoint(url)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://acme.fiddler.ai", "uses http for acme.fiddler.ai, which is not inside the cluster"),
        ("http://a.b.c", "which is not inside the cluster"),
        ("http://evil.example/.svc", "uses http"),
        ("http://svc", "uses http"),
        ("ftp://acme.fiddler.ai", "must begin with https://"),
        ("https://user:pass@acme.fiddler.ai", "must not hold a user name"),
        ("http://sink.svc@169.254.169.254", "must not hold a user name"),
        ("https://", "no host name"),
        ("https://acme.fiddler.ai:0", "port"),
        ("https://acme.fiddler.ai:65536", "port"),
        ("https://acme.fiddler.ai:x", "port"),
    ],
)
def test_urls_that_may_not(url: str, problem: str) -> None:
    with pytest.raises(RefusedAddress, match=problem):
        parse_endpoint(url)


@pytest.mark.parametrize(
    ("url", "proposal"),
    [
        ("http://otel-collector:4318", "otel-collector.NAMESPACE.svc"),
        ("http://otel-collector.observability:4318", "otel-collector.observability.svc"),
        ("http://otel-collector.observability.:4318", "otel-collector.observability.svc"),
        ("http://otel-collector.observability.svc.corp.example", "otel-collector.observability.svc"),
    ],
)
def test_a_short_name_is_not_called_outside_the_cluster_but_told_how_to_be_written(url: str, proposal: str) -> None:
    message = refusal(url, STRICT) or ""
    assert f"write its name with namespace and .svc: {proposal}." in message
    assert "outside" not in message
    assert "not inside" not in message
    assert refusal(f"http://{proposal.replace('NAMESPACE', 'observability')}:4318", STRICT) is None


@pytest.mark.parametrize("url", ["http://10.0.0.7:4318", "http://[fd12::7]:4318", "http://acme.fiddler.ai"])
def test_only_a_name_that_can_be_a_services_is_proposed_as_one(url: str) -> None:
    assert "NAMESPACE" not in (refusal(url, STRICT) or "")
    assert "If it is a Service" not in (refusal(url, STRICT) or "")


def test_the_port_of_the_other_otlp_is_explained() -> None:
    grpc = Endpoint("http", "otel-collector.observability.svc", 4317)
    with pytest.raises(
        RefusedAddress, match="4317 is usually OTLP/gRPC; Kong speaks OTLP/HTTP, which a collector usually serves on port 4318"
    ):
        usable_addresses(["10.96.0.7"], grpc)


def test_the_administrator_can_allow_http() -> None:
    assert parse_endpoint("http://acme.example", allow_http=True).port == 80


def test_endpoints_show_as_host_and_port() -> None:
    assert [str(HTTPS), str(Endpoint("https", "::1", 443))] == ["fiddler.example:443", "[::1]:443"]


def test_names_in_the_cluster() -> None:
    names = ["a.b.svc", "A.B.SVC.", "x.cluster.local", "svc", "a.svc.example", "cluster.local", "notsvc"]
    assert [is_in_cluster(name) for name in names] == [True, True, True, False, False, False, False]


@pytest.mark.parametrize(
    "address",
    [
        "93.184.216.34",
        "10.96.0.7",
        "172.16.3.4",
        "192.168.1.1",
        "100.64.0.9",
        "2606:2800:220:1::1",
        "fd12:3456::1",
        "64:ff9b::5db8:d822",
        "64:ff9b:1::5db8:d822",
    ],
)
def test_public_and_private_addresses_are_used(address: str) -> None:
    assert usable_addresses([address], HTTPS) == (address,)


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("169.254.169.254", "metadata"),
        ("169.254.170.2", "metadata"),
        ("100.100.100.200", "metadata"),
        ("168.63.129.16", "metadata"),
        ("fd00:ec2::254", "metadata"),
        ("fd20:ce::254", "metadata"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("::ffff:169.254.169.254", "metadata"),
        ("::169.254.169.254", "metadata"),
        ("2002:a9fe:a9fe::1", "metadata"),
        ("64:ff9b::a9fe:a9fe", "metadata"),
        ("64:ff9b:1:a9fe:a9:fe00::", "metadata"),
        ("0.0.0.0", "unspecified"),  # noqa: S104 - an address to refuse
        ("0.1.2.3", "unspecified"),
        ("::", "unspecified"),
        ("::ffff:0.0.0.0", "unspecified"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
    ],
)
def test_addresses_that_no_setting_opens(address: str, kind: str) -> None:
    with pytest.raises(RefusedAddress, match=kind) as refusal:
        usable_addresses([address], HTTPS, ["0.0.0.0/0", "::/0"])
    assert address not in str(refusal.value)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"])
def test_loopback_needs_a_setting(address: str) -> None:
    with pytest.raises(RefusedAddress, match="loopback"):
        usable_addresses([address], HTTPS)
    assert usable_addresses([address], HTTPS, ["127.0.0.0/8", "::/0"])


def test_ports_of_private_hosts_cannot_be_walked_through() -> None:
    ssh = Endpoint("https", "host.example", 22)
    with pytest.raises(RefusedAddress, match="port 22 is not probed"):
        usable_addresses(["10.0.0.7"], ssh)
    with pytest.raises(RefusedAddress, match="port 22 is not probed"):
        usable_addresses(["::ffff:10.0.0.7"], ssh)
    assert usable_addresses(["10.0.0.7"], ssh, ["10.0.0.0/8"]) == ("10.0.0.7",)
    assert usable_addresses(["93.184.216.34"], ssh) == ("93.184.216.34",)


def test_what_servers_of_a_private_network_tell_is_not_passed_on_unless_the_administrator_allows_them() -> None:
    addresses = ["93.184.216.34", "10.0.0.7", "127.0.0.1", "::ffff:10.0.0.7", "fd12::7"]
    assert [may_disclose(address) for address in addresses] == [True, False, False, False, False]
    assert [may_disclose(address, ["10.0.0.0/8"]) for address in addresses] == [True, True, False, False, False]


def test_only_the_good_ones_of_several_addresses_are_used() -> None:
    assert usable_addresses(["127.0.0.1", "93.184.216.34", "169.254.169.254"], HTTPS) == ("93.184.216.34",)


def test_the_refusal_does_not_depend_on_the_order_of_addresses() -> None:
    texts = set()
    for addresses in (["127.0.0.1", "169.254.1.1"], ["169.254.9.9", "127.0.0.2"]):
        with pytest.raises(RefusedAddress) as refusal:
            usable_addresses(addresses, HTTPS)
        texts.add(str(refusal.value))
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("url", "phrase"),
    [
        ("http://acme.fiddler.ai", "in clear"),
        ("https://127.0.0.1", "loopback"),
        ("https://[::1]", "loopback"),
        ("https://[::ffff:169.254.169.254]", "metadata"),
        ("https://169.254.169.254", "metadata"),
        ("https://10.0.0.7:22", "port 22"),
        ("https://2852039166", "usual form"),
        ("https://0xa9fea9fe", "usual form"),
        ("https://0251.0376.0251.0376", "usual form"),
        ("https://127.1", "usual form"),
        ("https://127.1.", "usual form"),
    ],
)
def test_a_url_that_shows_where_it_leads_is_refused(url: str, phrase: str) -> None:
    assert phrase in (refusal(url, STRICT) or "")


@pytest.mark.parametrize(
    "url", ["https://acme.fiddler.ai", "https://10.0.0.7", "https://93.184.216.34:9443", "http://sink.fiddler.svc:4318"]
)
def test_other_urls_are_accepted(url: str) -> None:
    assert refusal(url, STRICT) is None


def test_the_administrator_opens_loopback_and_http() -> None:
    assert refusal("http://127.0.0.1:4318", EndpointPolicy(allow_http=True, allowed_addresses=("127.0.0.0/8",))) is None


@pytest.mark.parametrize(
    ("url", "phrase"),
    [
        ("https://[::1", "square brackets"),
        ("https://a]b", "square brackets"),
        ("https://[zz]", "square brackets"),
        ("https://[v1.abc]", "nothing after it"),
        ("https://acme.fiddler.ai:", "nothing after it"),
        ("https://localhost", "loopback"),
        ("https://LocalHost.", "loopback"),
        ("https://a.localhost", "loopback"),
        ("https://metadata.google.internal", "metadata"),
    ],
)
def test_what_parsers_disagree_about_and_names_with_a_fixed_meaning_are_refused(url: str, phrase: str) -> None:
    assert phrase in (refusal(url, STRICT) or "")


LOOPBACK_NAMES = [
    "localhost",
    "LOCALHOST.",
    "a.localhost",
    "localhost.localdomain",
    "localhost4",
    "localhost4.localdomain4",
    "localhost6",
    "Localhost6.Localdomain6.",
    "ip6-localhost",
    "ip6-loopback",
    "IP6-LOOPBACK.",
    "ipv6-loopback",
    "loopback",
]
METADATA_NAMES = [
    "metadata",
    "METADATA.",
    "metadata.google.internal",
    "metadata.google.internal.",
    "metadata.goog",
    "metadata.azure.internal",
    "instance-data",
    "Instance-Data.EC2.Internal.",
    "instance-data.eu-west-1.compute.internal",
    "metadata.tencentyun.com",
]


@pytest.mark.parametrize(("names", "phrase"), [(LOOPBACK_NAMES, "loopback"), (METADATA_NAMES, "metadata")], ids=["loopback", "metadata"])
def test_every_name_of_the_machine_itself_and_of_its_cloud_is_refused_to_traces_and_calls(names: list[str], phrase: str) -> None:
    taken_for_hosts = [
        (name, said)
        for name in names
        for said in (refusal(f"https://{name}", STRICT), upstream_refusal(f"http://{name}:8001/config"))
        if phrase not in (said or "")
    ]
    assert taken_for_hosts == []


@pytest.mark.parametrize("name", ["metadata.ai.svc", "instance-data.example.com", "localhost.example.com", "ip6-loopback.example.com"])
def test_hosts_that_only_begin_like_these_are_ordinary(name: str) -> None:
    assert (refusal(f"https://{name}", STRICT), upstream_refusal(f"http://{name}/v1")) == (None, None)


@pytest.mark.parametrize(
    ("url", "phrase"),
    [
        ("http://169.254.169.254/latest/meta-data/", "metadata"),
        ("http://metadata.google.internal/computeMetadata/v1/", "metadata"),
        ("http://2852039166/", "usual form"),
        ("http://0xa9.254.169.254", "usual form"),
        ("http://127.0.0.1:8001/config", "loopback"),
        ("http://localhost:8001/config", "loopback"),
        ("http://127.1", "usual form"),
        ("http://0.0.0.0:8001", "unspecified"),
    ],
)
def test_a_model_is_not_in_the_gateways_own_machine(url: str, phrase: str) -> None:
    assert phrase in (upstream_refusal(url) or "")


@pytest.mark.parametrize(
    "url", ["https://llm.example/v1", "http://10.0.0.7:8000/v1", "http://ollama.ai.svc:11434/v1", "https://[", "https://[x]"]
)
def test_a_model_may_be_anywhere_else(url: str) -> None:
    assert upstream_refusal(url) is None
