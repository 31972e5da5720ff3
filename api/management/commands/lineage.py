"""`manage.py lineage graph|impact|path USER NODE …`: the lineage questions of the API, asked as a named user.

`manage.py lineage reload USER` has every process load its graph from the tables.
"""

from argparse import ArgumentParser
from typing import Any

import orjson
from django.core.management.base import CommandError
from django.http import QueryDict

from api.openlineage.impact import answer_impact
from api.openlineage.questions import DIRECTIONS, FORMATS, LEVELS, read_node_id, read_question
from api.openlineage.reading import answer, render_text
from api.openlineage.sights import Sights
from api.openlineage.ways import WayQuestion, answer_ways
from catalog.services.edge_log import reload_graphs
from core.errors import LakewardenError
from governance.queries import principal_of
from identity.management.acting import ActingCommand
from identity.models import User


class Command(ActingCommand):
    help = "Ask for lineage as USER: a graph around a node, what breaks downstream of it, or the ways between two."

    def add_arguments(self, parser: ArgumentParser) -> None:
        kinds = parser.add_subparsers(dest="question", required=True)
        graph = kinds.add_parser("graph", help="the graph around a node")
        _add_node(graph)
        graph.add_argument("--level", choices=LEVELS, default="table")
        graph.add_argument("--direction", choices=DIRECTIONS, default="both")
        graph.add_argument("--collapse", choices=["jobs"], help="dataset to dataset")
        graph.add_argument("--namespace", action="append", default=[], help="show only these")
        graph.add_argument("--tag", action="append", default=[], help="show only these")
        graph.add_argument("--asOf", metavar="TIME", help="ISO 8601; now if not given")
        graph.add_argument("--format", choices=FORMATS, default="json")
        impact = kinds.add_parser("impact", help="what is downstream, who owns it, when it runs")
        _add_node(impact)
        path = kinds.add_parser("path", help="the shortest ways from one node to another")
        path.add_argument("user", help="user name")
        path.add_argument("origin", help="node id")
        path.add_argument("destination", help="node id")
        path.add_argument("--direction", choices=DIRECTIONS, default="downstream")
        path.add_argument("--format", choices=FORMATS, default="json")
        reload = kinds.add_parser("reload", help="have every process load its graph anew")
        reload.add_argument("user", help="user name, for the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(f"there is no active user `{options['user']}`")
        if options["question"] == "reload":
            generation = reload_graphs(actor=user.username)
            self.stdout.write(f"generation {generation}: each process loads at its next question")
            return
        sights = Sights(principal_of(user))
        try:
            body = _ask(options, sights=sights)
        except LakewardenError as error:
            raise CommandError(error.message) from None
        self.stdout.write(_text(body, options.get("format", "json")).rstrip())


def _add_node(parser: ArgumentParser) -> None:
    parser.add_argument("user", help="user name")
    parser.add_argument("node", help="dataset:NS:NAME, job:NS:NAME or datasetField:NS:NAME:FIELD")
    parser.add_argument("--depth", help="0 to 1000, or unlimited")
    parser.add_argument("--budget", help="nodes that the answer may hold")


def _ask(options: dict[str, Any], *, sights: Sights) -> dict[str, Any]:
    if options["question"] == "path":
        ends = {"from": options["origin"], "to": options["destination"]}
        question = WayQuestion(
            read_node_id(ends, "from"),
            read_node_id(ends, "to"),
            direction=options["direction"],
            format=options["format"],
        )
        return answer_ways(question, sights=sights)
    params = QueryDict(mutable=True)
    params["nodeId"] = options["node"]
    for name in ("depth", "budget", "level", "direction", "collapse", "asOf"):
        if options.get(name) is not None:
            params[name] = options[name]
    for name in ("namespace", "tag"):
        params.setlist(name, options.get(name) or [])
    asked = read_question(params)
    if options["question"] == "impact":
        return answer_impact(asked, sights=sights)
    return answer(asked, sights=sights)


def _text(body: dict[str, Any], format_: str) -> str:
    if format_ == "json":
        return orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()
    return render_text(body, format_).decode()
