"""How Sphinx builds the pages: ``python docs/figures.py && sphinx-build -W -n docs docs/_build/html``."""

import html
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

import legonet

sys.path.insert(0, str(Path(__file__).parent))

import catalogue
import reference_pages

project = "legonet"
author = "the legonet authors"
project_copyright = f"2026, {author}"
version = release = legonet.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.viewcode", "numpydoc", "myst_parser"]
exclude_patterns = ["_build", "generated"]
nitpicky = True
nitpick_ignore = [("py:class", "numpy.int64")]  # a default value, which NumPy documents under another name

myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3

# The docstrings say types and shapes in words; the signatures stay short.
autodoc_typehints = "none"
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"
numpydoc_xref_aliases = {name: f"legonet.{name}" for name in legonet.__all__}
default_role = "obj"

html_theme = "furo"
html_title = f"legonet {version}"
html_static_path = ["_static"]
html_css_files = ["legonet.css"]
html_extra_path = ["generated/explain_step/worked-step.html"]  # see-the-maths.md shows it
html_math_renderer = "mathml"
html_copy_source = False
html_show_sphinx = False


def visit_math(translator: Any, node: nodes.math | nodes.math_block) -> None:
    """Write a formula as MathML, which browsers draw by themselves: no script, no fonts, no network."""
    import math_core

    is_block = isinstance(node, nodes.math_block)
    latex = node.astext()
    if is_block and "&" in latex and r"\begin" not in latex:
        latex = rf"\begin{{aligned}}{latex}\end{{aligned}}"
    try:
        mathml = math_core.LatexToMathML(fancy_error=False).convert_with_local_state(latex, displaystyle=is_block)
    except math_core.LatexError as error:
        raise ValueError(f"{translator.builder.current_docname}: no MathML for {latex!r}: {error}") from None
    source = html.escape(" ".join(node.astext().split()))
    translator.body.append(f'<div class="math" title="{source}">{mathml}</div>' if is_block else mathml)
    raise nodes.SkipNode


class TidyCode(SphinxTransform):
    """Turn each ``Linear`` or ``check_brick`` in the text of a page into a link, and trim blocks of code."""

    default_priority = 5  # before references are resolved

    def apply(self, **_: Any) -> None:
        if not self.document.get("source", "").endswith(".md"):
            return  # docstrings say themselves what is a link
        for block in self.document.findall(nodes.literal_block):
            block.rawsource = block.astext().rstrip()  # without the blank line that ends a doctest
            block[:] = [nodes.Text(block.rawsource)]
        for literal in list(self.document.findall(nodes.literal)):
            target = reference_pages.public_path(literal.astext().removesuffix("()"))
            inside = literal.parent
            if target and not isinstance(inside, nodes.reference | nodes.title | addnodes.pending_xref):
                link = addnodes.pending_xref(
                    "", refdomain="py", reftype="obj", reftarget=target, refexplicit=True, refwarn=True
                )
                literal.replace_self(link)
                link += literal


def show_as_code(_app: Sphinx, _env: Any, node: addnodes.pending_xref, shown: nodes.Node) -> nodes.Node | None:
    """Let `x`, `numpy.errstate`, the types of Python and other names that have no page here be code without a link."""
    target = str(node.get("reftarget"))
    if target.startswith("python:"):
        return nodes.Text(shown.astext().removeprefix("python:").removesuffix("()"))
    return shown if node.get("reftype") == "obj" and not target.startswith("legonet") else None


def setup(app: Sphinx) -> None:
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math, None))
    app.add_transform(TidyCode)
    app.connect("builder-inited", lambda app: reference_pages.write(Path(app.srcdir) / "reference" / "generated"))
    app.connect("builder-inited", lambda app: catalogue.write(Path(app.srcdir) / "generated" / "catalogue"))
    app.connect("missing-reference", show_as_code)
