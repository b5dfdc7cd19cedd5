"""``report.html``: one self-contained page that opens offline, on a phone too.

Everything that is text stands in the page itself, escaped by its template, so that it reads without scripts and
aloud. The pictures are drawn by Vega, whose code is taken from the installed vl-convert and written into the page; without
vl-convert the page has no pictures, and says how to get them.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

from thimble.core.distribution import install_command
from thimble.core.study import Study
from thimble.core.summary import Summary
from thimble.report._charts import chart_data
from thimble.report._files import write_text
from thimble.report._sections import sections

PAGE = files("thimble.report") / "_page"
SCRIPTS = ("charts.js", "placement.js", "bars.js", "scatter.js", "rounds.js", "page.js")
"""In the order in which they build on each other."""


class Html:
    """The page that answers at a glance and explains on request. The same study gives the same bytes."""

    files: ClassVar[tuple[str, ...]] = ("report.html",)

    def write(self, study: Study, summary: Summary, folder: Path) -> list[Path]:
        """Write ``report.html`` into ``folder``; raises `CannotWrite`."""
        return [write_text(folder / self.files[0], html_text(study, summary))]


def html_text(study: Study, summary: Summary) -> str:
    """The whole page."""
    charts = vega()
    scripts = [*([charts] if charts else []), *map(_part, SCRIPTS)]
    context = {
        "charts": bool(charts),
        "install": install_command("plots"),
        "data": embedded(chart_data(study, summary)),
        "licence": VEGA_LICENCE,
        **sections(study, summary),
    }
    return page("report.html", context, scripts)


def page(template: str, context: dict[str, Any], scripts: list[str] | None = None) -> str:
    """A template of this package filled in, with its style and scripts inside.

    The content policy lets the page run these very scripts and load nothing from anywhere.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals["macros"] = environment.from_string(_part("macros.html")).module
    allowed = " ".join(map(_digest, scripts or [])) or "'none'"
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; script-src {allowed}"
    return environment.from_string(_part(template)).render(**context, style=_part("page.css"), scripts=scripts or [], policy=policy)


def embedded(data: Any) -> str:
    """JSON that can stand inside a script element: no character in it can end that element or open another."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@lru_cache(maxsize=1)
def vega() -> str:
    """Vega's code as one script that defines ``window.vegaEmbed`` and no other name; empty where vl-convert is not installed."""
    try:
        import vl_convert
    except ModuleNotFoundError:
        return ""
    code: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return f"(() => {{{code}}})();".replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _part(name: str) -> str:
    return (PAGE / name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


VEGA_LICENCE = """The charts are drawn by Vega (https://vega.github.io), which this page contains under the BSD-3-Clause licence:

Copyright (c) 2015-2023, University of Washington Interactive Data Lab. All rights reserved.

Redistribution and use in source and binary forms, with or without modification, are permitted provided that the
following conditions are met:

1. Redistributions of source code must retain the above copyright notice, this list of conditions and the following
   disclaimer.
2. Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the following
   disclaimer in the documentation and/or other materials provided with the distribution.
3. Neither the name of the copyright holder nor the names of its contributors may be used to endorse or promote products
   derived from this software without specific prior written permission.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES,
INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL,
SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR
SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY,
WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF
THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE."""
