"""A local AWS for the deploy test: MiniStack, taught to read an HTTP API's definition.

SAM writes the routes, integrations and authorizers of an HTTP API into the Body of AWS::ApiGatewayV2::Api, as OpenAPI
with x-amazon-apigateway extensions. MiniStack 1.5.33 ignores that Body; here it is unpacked into the resources that
MiniStack does know, through its own CloudFormation handlers. Started by run.sh.
"""

import sys

from ministack.services.cloudformation import provisioners as cloudformation

AUTHORIZER = "x-amazon-apigateway-authorizer"
INTEGRATION = "x-amazon-apigateway-integration"
ANY = "x-amazon-apigateway-any-method"
OPERATIONS = {ANY: "ANY"} | {m: m.upper() for m in ("get", "head", "post", "put", "patch", "delete", "options")}


def authorizers(api_id, body):
    """Create the API's authorizers and return {scheme name: (authorizer id, authorization type)}."""
    made = {}
    for name, scheme in body.get("components", {}).get("securitySchemes", {}).items():
        spec = scheme.get(AUTHORIZER)
        if spec is None:
            continue
        if spec["type"] != "request":
            raise ValueError(f"authorizer {name}: only Lambda authorizers are deployed here, not {spec['type']}")
        authorizer_id, _ = cloudformation._apigw_v2_authorizer_create(name, {
            "ApiId": api_id,
            "Name": name,
            "AuthorizerType": "REQUEST",
            "AuthorizerUri": spec["authorizerUri"],
            "AuthorizerPayloadFormatVersion": spec["authorizerPayloadFormatVersion"],
            "AuthorizerResultTtlInSeconds": spec["authorizerResultTtlInSeconds"],
            "EnableSimpleResponses": spec["enableSimpleResponses"],
            "IdentitySource": spec["identitySource"],
        }, "")
        made[name] = (authorizer_id, "CUSTOM")
    return made


def unpack(api_id, body):
    """Create what an HTTP API's definition asks for."""
    service = cloudformation._apigw_v2
    for kept in (service._routes, service._integrations, service._authorizers):
        kept[api_id] = {}
    guards = authorizers(api_id, body)
    for path, item in body["paths"].items():
        for key, operation in item.items():
            if key not in OPERATIONS:
                continue
            spec = operation[INTEGRATION]
            integration_id, _ = cloudformation._apigw_v2_integration_create("", {
                "ApiId": api_id,
                "IntegrationType": spec["type"].upper(),
                "IntegrationMethod": spec["httpMethod"],
                "IntegrationUri": spec["uri"],
                "PayloadFormatVersion": spec["payloadFormatVersion"],
                "TimeoutInMillis": spec.get("timeoutInMillis", 30000),
            }, "")
            named = [name for requirement in operation.get("security", []) for name in requirement if name in guards]
            guard_id, guard_type = guards[named[0]] if named else (None, "NONE")
            cloudformation._apigw_v2_route_create("", {
                "ApiId": api_id,
                "RouteKey": "$default" if path == "/$default" else f"{OPERATIONS[key]} {path}",
                "Target": f"integrations/{integration_id}",
                "AuthorizationType": guard_type,
                "AuthorizerId": guard_id,
            }, "")


def teach():
    """Wrap the handlers of AWS::ApiGatewayV2::Api so that they unpack a Body."""
    handlers = cloudformation._RESOURCE_HANDLERS["AWS::ApiGatewayV2::Api"]
    create, update = handlers["create"], handlers["update"]

    def named(properties):
        body = properties.get("Body")
        if not isinstance(body, dict):
            return properties
        return {"Name": body.get("info", {}).get("title"), **properties}

    def created(logical_id, properties, stack):
        api_id, attributes = create(logical_id, named(properties), stack)
        if isinstance(properties.get("Body"), dict):
            unpack(api_id, properties["Body"])
        return api_id, attributes

    def updated(physical_id, old, new, stack, logical_id=None):
        api_id, attributes = update(physical_id, old, named(new), stack, logical_id)
        if isinstance(new.get("Body"), dict):
            unpack(api_id, new["Body"])
        return api_id, attributes

    handlers["create"], handlers["update"] = created, updated


if __name__ == "__main__":
    from ministack.app import main

    teach()
    sys.exit(main())
