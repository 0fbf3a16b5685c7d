"""The bench as a picture: for each row the others against us, on a logarithmic scale. Plain SVG."""

import math
from html import escape

COLOURS = {"popa3d": "#d95f02", "solid": "#7570b3", "mailutils": "#e7298a", "courier": "#a6761d",
           "dovecot": "#1b7837", "dovecot-maildir": "#a6dba0",
           "file": "#4292c6", "static": "#08519c", "static-file": "#9ecae1", "maildir": "#08306b",
           "skeleton": "#999999", "bare loop": "#999999"}
LEFT, WIDTH, LINE, TOP = 420, 560, 20, 64
LEAST, MOST = 0.1, 200


def number(value, digits):
    """As many digits as are known, and no exponent."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.{digits}g}"


def place(ratio):
    share = math.log(min(max(ratio, LEAST), MOST) / LEAST) / math.log(MOST / LEAST)
    return LEFT + share * WIDTH


def draw(rows, title):
    """rows: (name, unit, "less" or "more" is better, {server: value}, goal). To the right of the line others are worse."""
    shown = [(name, unit, better, values) for name, unit, better, values, _ in rows
             if len(values) > 1 and all(values.values())]
    height = TOP + LINE * len(shown) + 46
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 40}" height="{height}" '
           'font-family="sans-serif" font-size="12">', '<rect width="100%" height="100%" fill="white"/>',
           '<text x="12" y="20" font-size="15" font-weight="bold">Other servers against restante: right of the line they '
           'take longer, or more</text>', f'<text x="12" y="38" fill="#555">{escape(title)}</text>']
    bottom = TOP + LINE * len(shown)
    for ratio in 0.1, 0.25, 0.5, 1, 2, 4, 10, 25, 50, 100, 200:
        x = place(ratio)
        out.append(f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{bottom}" stroke="{"black" if ratio == 1 else "#ddd"}"/>')
        out.append(f'<text x="{x:.1f}" y="{bottom + 14}" text-anchor="middle" fill="#555">{ratio:g}</text>')
    for at, (name, unit, better, values) in enumerate(shown):
        y = TOP + LINE * at + LINE / 2
        first = next(iter(values))
        ours = values[first]
        out.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{escape(name)}: {number(ours, 3)} {unit}</text>')
        for server, value in values.items():
            if server == first:
                continue
            ratio = value / ours if better == "less" else ours / value
            out.append(f'<circle cx="{place(ratio):.1f}" cy="{y}" r="5" fill="{COLOURS.get(server, "#555")}">'
                       f'<title>{escape(server)}: {number(value, 3)} {unit}</title></circle>')
    x = 20
    for server in dict.fromkeys(server for _, _, _, values in shown for server in list(values)[1:]):
        out.append(f'<circle cx="{x}" cy="{height - 14}" r="5" fill="{COLOURS.get(server, "#555")}"/>'
                   f'<text x="{x + 9}" y="{height - 10}">{escape(server)}</text>')
        x += 30 + 7 * len(server)
    return "\n".join([*out, "</svg>"]) + "\n"
