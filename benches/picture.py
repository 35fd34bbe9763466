"""Bar chart of measurements as SVG, for light and dark backgrounds."""

from html import escape
from pathlib import Path

BAR, GAP, LABEL, WIDTH = 22, 10, 300, 860
STYLE = """
    text { font: 14px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600 } .bar { fill: #8c959f }
    .ours { fill: #0969da } @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .bar { fill: #6e7681 } .ours { fill: #4493f8 } }
"""


def bars(path, title, unit, rows):
    """Draws `rows` of (label, value, highlighted). The longest bar takes the whole width."""
    most = max(value for _, value, _ in rows)
    height = 40 + len(rows) * (BAR + GAP)
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">',
             f"<style>{STYLE}</style>", f'<text class="title" x="0" y="18">{escape(title)}</text>']
    for place, (label, value, ours) in enumerate(rows):
        top = 34 + place * (BAR + GAP)
        width = max(1, (WIDTH - LABEL - 110) * value / most)
        kind = "bar ours" if ours else "bar"
        lines += [f'<text x="0" y="{top + 16}">{escape(label)}</text>',
                  f'<rect class="{kind}" x="{LABEL}" y="{top}" width="{width:.1f}" height="{BAR}" rx="3"/>',
                  f'<text x="{LABEL + width + 8:.1f}" y="{top + 16}">{value:,.1f} {escape(unit)}</text>']
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("\n".join([*lines, "</svg>", ""]))
