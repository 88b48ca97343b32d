"""
The layers that SkyWalking knows: what kind of thing a service is.

In: discovery's settings and heartbeats of others.  Out: the check. A backend of SkyWalking's
refuses a whole heartbeat for one name that is not among them (contract 1.2).
"""

LAYERS = (
    *("UNDEFINED", "MESH", "GENERAL", "OS_LINUX", "K8S", "FAAS", "MESH_CP", "MESH_DP"),
    *("DATABASE", "CACHE", "BROWSER", "SO11Y_OAP", "SO11Y_SATELLITE", "MQ"),
    *("VIRTUAL_DATABASE", "VIRTUAL_MQ", "VIRTUAL_GATEWAY", "K8S_SERVICE", "MYSQL"),
    *("VIRTUAL_CACHE", "POSTGRESQL", "APISIX", "AWS_EKS", "WINDOWS", "AWS_S3"),
    *("AWS_DYNAMODB", "AWS_GATEWAY", "REDIS", "ELASTICSEARCH", "RABBITMQ", "MONGODB"),
    *("KAFKA", "PULSAR", "BOOKKEEPER", "NGINX", "ROCKETMQ", "CLICKHOUSE", "ACTIVEMQ"),
    *("CILIUM_SERVICE", "SO11Y_JAVA_AGENT", "KONG", "SO11Y_GO_AGENT", "FLINK", "BANYANDB"),
)
"""By ordinal: `LAYERS[17]` is K8S_SERVICE."""

assert LAYERS[17] == "K8S_SERVICE"  # noqa: S101 - a name left out would move all behind it
assert LAYERS[38] == "CILIUM_SERVICE"  # noqa: S101


def is_layer(name: str) -> bool:
    """Whether a heartbeat may say it."""
    return name in LAYERS
