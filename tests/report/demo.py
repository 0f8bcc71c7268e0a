"""A small notebook that shows every kind of output, for the page tests."""

from pathlib import Path

import nbformat

V4 = nbformat.v4

HEADLINE = '''
from IPython.display import HTML, Image, Latex, Markdown, SVG, display

def svg(width, height, inside):
    box = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="sans-serif"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box}>{inside}</svg>'

def plate(drawing, key, title, caption, rows=""):
    import base64
    data = base64.b64encode(drawing.encode()).decode()
    return f"""<figure class="plate" id="plate-{key}"><img src="data:image/svg+xml;base64,{data}" alt="{caption}">
    <figcaption><strong>{title}.</strong> {caption}</figcaption>
    <details class="plate-table"><summary>The numbers</summary><table><caption>{title}</caption>
    <thead><tr><th>network</th><th>AUROC</th></tr></thead><tbody>{rows}</tbody></table></details></figure>"""

def interval(y, colour, low, value, high, name):
    x = lambda v: 110 + (v - 0.5) * 720
    return (f'<line x1="{x(low)}" x2="{x(high)}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="3"/>'
            f'<circle cx="{x(value)}" cy="{y}" r="6" fill="{colour}"/>'
            f'<text x="8" y="{y + 5}" font-size="14">{name}</text>')

def matrix(x, name, colour, cells):
    parts = [f'<text x="{x}" y="16" font-size="13" font-weight="600">{name}</text>']
    for i, n in enumerate(cells):
        cx, cy = x + 70 * (i % 2), 26 + 56 * (i // 2)
        tone = f'fill="{colour}" fill-opacity="{0.12 + n / 60}"'
        parts.append(f'<rect x="{cx}" y="{cy}" width="66" height="52" rx="4" {tone}/>'
                     f'<text x="{cx + 33}" y="{cy + 32}" text-anchor="middle" font-size="17">{n}</text>')
    return "".join(parts)

BLUE, RED = "#0072b2", "#d55e00"
handle = display(HTML("<p>The answer will stand here.</p>"), display_id=True);
'''

FILL = '''
figure = svg(500, 150, '<rect width="500" height="150" fill="#fff"/>'
             + interval(40, BLUE, 0.86, 0.912, 0.95, "ResNet-18") + interval(90, RED, 0.83, 0.894, 0.94, "VGG-16-BN")
             + '<line x1="110" x2="470" y1="125" y2="125" stroke="#888"/>'
             + '<text x="110" y="143" font-size="12">0.5</text><text x="455" y="143" font-size="12">1.0</text>')
counts = svg(310, 142, '<rect width="310" height="142" fill="#fff"/>' + matrix(4, "ResNet-18", BLUE, (27, 4, 3, 26))
             + matrix(166, "VGG-16-BN", RED, (26, 5, 4, 25)))
against = "Area under the ROC curve with its 95 % interval; n = 60 patients of the test part."
right = "Rows: truth; columns: prediction; n = 60 patients each."
costs = {"patients tested": "60", "training, ResNet": "12 s", "training, VGG": "38 s"}
costs = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in costs.items())
rows = "<tr><th>ResNet-18</th><td>0.912</td></tr><tr><th>VGG-16-BN</th><td>0.894</td></tr>"
handle.update(HTML(f"""<section class="headline" aria-label="The answer in short">
<p class="badge">made-up images, not patients</p>
<p class="question">Which network tells a weak heart from a healthy one, ResNet or VGG?</p>
<p class="answer">ResNet-18 reaches an AUROC of <span class="number" data-src="scores.csv:auroc">0.91</span>, VGG-16-BN
<span class="number" data-src="scores.csv:auroc">0.89</span>; with 60 patients the difference could be chance.</p>
<div class="plates">{plate(figure, "resnet-vgg", "ResNet against VGG", against, rows)}
{plate(counts, "confusion", "Right and wrong", right, rows)}</div>
<dl class="numbers">{costs}</dl>
</section>"""));
'''

CODE = {
    "table": """import pandas as pd
pd.DataFrame({"network": ["ResNet-18", "VGG-16-BN", "separable CNN"], "AUROC": [0.9123, 0.8941, 0.8512],
              "sensitivity": [0.90, 0.87, 0.81], "specificity": [0.87, 0.84, 0.79],
              "images a second": [255.3, 75.1, 1150.0], "parameters": [11177538, 14724162, 24002],
              "seconds": [12.1, 38.4, 3.0]})""",
    "streams": """import sys
print("\\x1b[32mtrain loss 0.31\\x1b[0m   \\x1b[1mval loss 0.41\\x1b[0m")
print("half way\\rthe whole way")
print("a line that is far too long for a telephone: " + "0123456789 " * 14)
print("a word of warning", file=sys.stderr)""",
    "pictures": """import io
from PIL import Image as Picture
def coded(kind, value):
    buffer = io.BytesIO(); Picture.new("L", (240, 120), value).save(buffer, kind); return buffer.getvalue()
said = {"image/png": {"alt": "A dark grey field, drawn as PNG"}}
display(Image(coded("PNG", 90), format="png", width=240), metadata=said)
display(Image(coded("JPEG", 150), format="jpeg"))
display(SVG(svg(240, 60, '<rect width="240" height="60" fill="#cde"/><text x="20" y="36">an SVG drawing</text>')))
display({"image/webp": __import__("base64").b64encode(coded("WEBP", 200)).decode(), "text/plain": "webp"}, raw=True)""",
    "words": """display(Markdown("Markdown **from a cell**, with `code`."))
display(Latex(r"$\\\\frac{a}{b} \\\\leq 1$"))
display(HTML("<p class='say'>A sentence with a number: <span class='number'>0.912</span>.</p>"))
display({"application/json": {"threshold": 0.37}}, raw=True)
display({"application/vnd.jupyter.widget-view+json": {"model_id": "x"}, "text/plain": "IntSlider(value=3)"}, raw=True)
display({"application/x-strange": "?"}, raw=True)""",
    "elsewhere": """far = "https://example.org/a"
display(HTML(f'<script src="{far}.js"></script><link rel="stylesheet" href="{far}.css">'))
display(HTML(f'<img src="{far}.png" alt="a far picture">'
             f'<p style="background:url({far}.png)" onclick="go()">kept words</p>'))""",
    "paths": """import os, pathlib
print("in", pathlib.Path.cwd(), "for", os.environ["DEMO_TOKEN"])""",
}


def code(source: str, *tags: str, **metadata) -> nbformat.NotebookNode:
    return V4.new_code_cell(source.strip(), metadata={"tags": list(tags), **metadata})


def notebook(path: Path, *cells: nbformat.NotebookNode) -> Path:
    """Write a notebook that opens with a title and the three parameters."""
    first = [
        V4.new_markdown_cell("# Heart ultrasound: a weak or a healthy heart?"),
        code('params = "params/heart.yaml"\nprofile = "sample"\noverrides = {}', "parameters"),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(V4.new_notebook(cells=[*first, *cells]), path)
    return path


def everything(path: Path) -> Path:
    """The notebook of the page tests."""
    text = V4.new_markdown_cell
    return notebook(
        path,
        code(HEADLINE),
        text(
            "## What the networks see\n\n> **One image per class, untouched.** If a radiologist would call a draw "
            "something else, the augmentation is too strong.\n\nThe speckle is not noise that was added: it is "
            "what coherent sound makes of many small scatterers, and it moves with the probe.\n\n"
            "- the sector is kept\n- the gain varies by a factor of two\n\nA [link](https://example.org) leads away."
        ),
        code(CODE["pictures"]),
        text("## The data in numbers\n\n### By network"),
        code(CODE["table"]),
        code(CODE["table"] + ".head(2)", "fold", summary="The same, folded"),
        text("## Training\n\n```python\nfor epoch in range(3):  # as printed\n    step(epoch)\n```"),
        code(CODE["streams"]),
        text("## Words\n\n### Training"),
        code(CODE["words"]),
        code(CODE["elsewhere"]),
        code("secret = 41\nprint('hidden input')", "hide-input"),
        code("print('nobody sees this')", "hide"),
        code(CODE["paths"]),
        text("# A second title\n\n## Limits\n\nThe images are made up; nothing here is about patients."),
        code(FILL),
    )
