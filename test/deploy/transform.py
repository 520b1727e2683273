"""Transforms template.yaml as CloudFormation's SAM transform would, offline: python transform.py TEMPLATE Name=Value ...

What SAM makes of the template is what is deployed, so it is linted and checked too. Prints JSON.
"""

import json
import os
import sys

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

import boto3  # noqa: E402
from samcli.yamlhelper import yaml_parse  # noqa: E402
from samtranslator.parser.parser import Parser  # noqa: E402
from samtranslator.translator.translator import Translator  # noqa: E402

MANAGED = {"AWSLambdaBasicExecutionRole": "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"}


def main(path, *assignments):
    with open(path, encoding="utf-8") as f:
        template = yaml_parse(f.read())
    parameters = {name: p["Default"] for name, p in template["Parameters"].items() if "Default" in p}
    parameters.update(a.split("=", 1) for a in assignments)
    # Where the code and the nested stacks lie is only known once they are packaged.
    template["Globals"]["Function"].pop("CodeUri")
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/code"
        if resource["Type"] == "AWS::Serverless::Application":
            resource["Properties"]["Location"] = "https://s3.amazonaws.com/bucket/stack"
    translator = Translator(MANAGED, Parser(), boto_session=boto3.Session(region_name=os.environ["AWS_DEFAULT_REGION"]))
    json.dump(translator.translate(template, parameters), sys.stdout, indent=1, default=str)


if __name__ == "__main__":
    main(*sys.argv[1:])
