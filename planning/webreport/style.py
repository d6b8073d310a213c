"""The style sheet of the page: light, calm, and the same on paper."""

CSS = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; color: #1d1d1f;
  background: #fff; margin: 0 auto; max-width: 1300px; padding: 28px 30px 60px; }
h1 { font-size: 27px; margin: 0; letter-spacing: -0.01em; }
h2 { font-size: 19px; margin: 44px 0 10px; padding-top: 14px; border-top: 1px solid #e3e3e6; }
h3 { font-size: 15px; margin: 20px 0 6px; }
p { max-width: 84ch; margin: 6px 0; }
table { border-collapse: collapse; margin: 8px 0 14px; font-variant-numeric: tabular-nums;
  font-size: 14px; }
th, td { padding: 4px 12px 4px 0; border-bottom: 1px solid #ececef; text-align: right;
  vertical-align: middle; white-space: nowrap; }
th { font-weight: 600; font-size: 13px; color: #55555a; border-bottom: 1.5px solid #a9a9ae;
  vertical-align: bottom; white-space: normal; }
th:first-child, td:first-child, .words { text-align: left; }
td svg { display: block; margin-left: 12px; }
tr.sum td { font-weight: 600; border-top: 1px solid #a9a9ae; border-bottom: 0; }
tr.held td { background: #eef4fb; } tr.lost td { background: #fdf3e7; }
tr.step td { color: #6b6b70; font-size: 13px; } tr.step td:first-child { padding-left: 14px; }
tr.head td { font-weight: 600; padding-top: 14px; border-bottom: 1px solid #c9c9ce; }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; margin: 18px 0 8px; }
.tile { border: 1px solid #e3e3e6; border-radius: 8px; padding: 10px 18px 10px 14px;
  min-width: 148px; }
.tile b { display: block; font-size: 22px; font-weight: 600; font-variant-numeric: tabular-nums; }
.tile span { color: #6b6b70; font-size: 13px; }
.side { display: flex; flex-wrap: wrap; gap: 18px 56px; align-items: flex-start; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(560px, 1fr));
  gap: 8px 44px; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(390px, 1fr)); }
.card { break-inside: avoid; } .card table { width: 100%; }
.wide { overflow-x: auto; } svg { max-width: 100%; height: auto; }
svg text { font-size: 11px; fill: #1d1d1f; }
svg .value { fill: #6b6b70; } svg .unit { font-weight: 600; } svg .on-dark { fill: #fff; }
.flows text { paint-order: stroke; stroke: #fff; stroke-width: 3.4px; stroke-linejoin: round; }
.flows .value { fill: #48484c; }
.plate { fill: #fff; opacity: 0.72; pointer-events: none; }
.flow { opacity: 0.78; } .flow:hover { opacity: 1; }
.note { color: #6b6b70; font-size: 13px; }
.bad { color: #b3261e; font-weight: 600; }
@media print {
  @page { size: A4 landscape; margin: 12mm; }
  body { padding: 0; max-width: none; font-size: 11px; }
  table { font-size: 10.5px; } th { font-size: 10px; } h2 { margin-top: 22px; }
  .wide { overflow: visible; } tr, svg { break-inside: avoid; } h2, h3 { break-after: avoid; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
"""
