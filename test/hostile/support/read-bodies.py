"""Reads JSON lines {kind, type, body (base64)} and says how Python reads each body: a list of priced fields, or null."""

import base64
import email.parser
import email.policy
import json
import sys


def read(kind, content_type, body):
    if kind == "json":
        return json.loads(body)
    head = b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n"
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    parts = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        parts.setdefault(name, []).append(part.get_payload(decode=True).decode("utf-8", "replace"))
    return {name: values[0] if len(values) == 1 else values for name, values in parts.items()}


for line in sys.stdin:
    item = json.loads(line)
    try:
        value = read(item["kind"], item["type"], base64.b64decode(item["body"]))
    except Exception as problem:
        value = {"unreadable": str(problem)}
    print(json.dumps(value))
