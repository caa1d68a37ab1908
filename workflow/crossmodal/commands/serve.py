"""`crossmodal serve`: search as a small web service, on this machine unless another address is named."""

import os
import sys
from typing import Annotated

import typer

from crossmodal.commands.chosen_model import ModelOption
from crossmodal.commands.context import StudyOption
from crossmodal.commands.searched import Datasets, Index, choose_searched
from crossmodal.commands.toolkit import Adapter


def serve(
    study: StudyOption = None,
    index: Index = None,
    model: ModelOption = None,
    adapter: Adapter = None,
    pictures: Datasets = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 answers other machines as well.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 takes a free one.")
    ] = 8000,
) -> None:
    """Serve a search page and a JSON endpoint over a study's index or another, until Ctrl-C or SIGTERM."""
    # A request takes one thread, in FAISS and torch too, and several are answered at a time.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from crossmodal.serving.server import address_of, hosts_of, listen, run

    with listen(host, port) as listener:
        from crossmodal.serving.app import make_app

        session = choose_searched(study, index, model, adapter, pictures).open()
        app = make_app(session, workers=max(2, os.cpu_count() or 1), hosts=hosts_of(host))
        print(f"{len(session.items):,} items at {address_of(listener)} (Ctrl-C ends it)", flush=True)
        run(app, listener)
    print("ended; every answer under way was given", file=sys.stderr)
