"""The description of the API: OpenAPI 3.1, from the tables by which requests are read."""

from collections.abc import Mapping
from typing import Any

from regard import __version__
from regard.serve.limits import Limits
from regard.serve.options import offered
from regard.serve.runs import Served

REASONS: Mapping[int, str] = {
    400: "The body is not JSON.",
    401: "The token is missing or wrong.",
    403: "The request came from a page of another site.",
    404: "There is no such run.",
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    415: "The body is of another type than application/json.",
    421: "The Host header names another server.",
    422: "A field or an option is wrong, or the question cannot be answered.",
    429: "Too many requests wait; Retry-After says in how many seconds to come again.",
    500: "The model failed.",
    503: "The server is stopping.",
    504: "The answer took too long.",
}
"""What a request for an answer may be refused with."""

JSON = "application/json"


def description(runs: Mapping[str, Served], limits: Limits, *, token: bool) -> dict[str, Any]:
    """The API of these runs."""
    refused = {
        str(status): {"description": why, "content": {JSON: {"schema": _ref("Error")}}}
        for status, why in REASONS.items()
        if token or status != 401
    }
    asked = [_asked(run, len(runs), limits) for run in runs.values()]
    predict = {
        "operationId": "predict",
        "summary": "Answer a question, and tell what was attended to",
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": {"oneOf": asked}}},
        },
        "responses": {"200": _content("The answer.", _ref("Answer")), **refused},
    }
    found: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "regard serve",
            "version": __version__,
            "description": "Trained runs: answers, and what was attended to.",
        },
        "paths": {
            "/api/predict": {"post": predict},
            "/api/runs": {"get": _get("runs", "The runs that are served", "Runs")},
            "/health": {"get": _get("health", "Whether the server lives", "Health")},
        },
        "components": {"schemas": dict(SCHEMAS)},
    }
    if token:
        found["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        found["security"] = [{"token": []}]
        found["paths"]["/health"]["get"]["security"] = [{}, {"token": []}]
    return found


SCHEMAS: Mapping[str, Any] = {
    "Answer": {
        "type": "object",
        "required": ["run", "line", "title", "answer", "panels"],
        "properties": {
            "run": {"type": "string"},
            "line": {"type": "string", "description": "the answer, as regard predict prints it"},
            "title": {"type": "string", "description": "question and answer in a line"},
            "answer": {
                "type": "object",
                "description": "the answer, as regard predict --json prints it",
            },
            "panels": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/Panel"},
                "description": "what was attended to; empty without weights",
            },
        },
    },
    "Panel": {
        "type": "object",
        "description": (
            "Weights of queries (target) over keys (source): the 16-bit numbers of weights, times "
            "scale, plus low. They are little-endian, all first bytes before all second ones, "
            "deflated by zlib, in base64; of shape (layers, heads, queries, keys), or with top "
            "(layers, heads, queries, top), and indices tell which keys."
        ),
        "required": ["format", "source", "target", "shape", "low", "scale", "weights"],
        "properties": {
            "format": {"type": "integer"},
            "source": {"type": "array", "items": {"type": "string"}},
            "target": {"type": "array", "items": {"type": "string"}},
            "shape": {"type": "array", "items": {"type": "integer"}},
            "low": {"type": "number"},
            "scale": {"type": "number"},
            "weights": {"type": "string", "contentEncoding": "base64"},
        },
    },
    "Runs": {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["name", "system", "about", "fields", "optional", "options"],
            "properties": {
                "name": {"type": "string"},
                "system": {"type": "string"},
                "about": {"type": "string"},
                "fields": {"type": "object", "additionalProperties": {"type": "string"}},
                "optional": {"type": "array", "items": {"type": "string"}},
                "options": {"type": "object", "additionalProperties": {"type": "object"}},
            },
        },
    },
    "Health": {
        "type": "object",
        "required": ["status"],
        "properties": {
            "status": {"const": "ok"},
            "runs": {"type": "array", "items": {"type": "string"}},
            "queue": {"type": "integer", "description": "requests that wait"},
            "uptime": {"type": "number", "description": "seconds"},
        },
    },
    "Error": {
        "type": "object",
        "required": ["error"],
        "properties": {"error": {"type": "string", "description": "the reason"}},
    },
}


def _asked(run: Served, count: int, limits: Limits) -> dict[str, Any]:
    """What a request to one run may say."""
    properties: dict[str, Any] = {"run": {"const": run.name}}
    for name, about in run.trained.fields.items():
        properties[name] = {"type": "string", "description": about}
        if name == "image":
            properties[name]["contentEncoding"] = "base64"
        else:
            longest = min(limits.longest, run.trained.longest or limits.longest)
            properties[name]["maxLength"] = longest
    properties["options"] = {
        "type": "object",
        "properties": {option.name: option.schema for option in offered(run.system.search)},
        "additionalProperties": False,
    }
    properties["weights"] = {
        "type": "boolean",
        "default": True,
        "description": "whether panels are wanted",
    }
    needed = [name for name in run.trained.fields if name not in run.trained.optional]
    return {
        "type": "object",
        "description": run.system.about,
        "properties": properties,
        "required": [*needed, *(["run"] if count > 1 else [])],
        "additionalProperties": False,
    }


def _get(name: str, summary: str, schema: str) -> dict[str, Any]:
    found = {"200": _content(f"{summary}.", _ref(schema))}
    return {"operationId": name, "summary": summary, "responses": found}


def _content(about: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": about, "content": {JSON: {"schema": schema}}}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
