package status

import (
	"crypto/sha256"
	"encoding/base64"
)

// pageStyle is calm on purpose: colour is for what needs a person.
const pageStyle = `
:root{--bg:#f6f7f5;--card:#fff;--ink:#1f2a2e;--soft:#66757a;--line:#e2e6e4;--road:#2f7d6d;--fill:#2f7d6d1f;--bad:#b3382c;--badbg:#fbeae7;--slow:#9a6700;--slowbg:#fdf3dc;--note:#3d6480;--notebg:#eaf1f6;--good:#256b4a;--goodbg:#e8f4ed;color-scheme:light dark}
@media(prefers-color-scheme:dark){:root{--bg:#141a1c;--card:#1c2427;--ink:#dde5e3;--soft:#93a2a5;--line:#2c373a;--road:#5cc2ab;--fill:#5cc2ab24;--bad:#ff9184;--badbg:#3a211e;--slow:#f0c15c;--slowbg:#352a14;--note:#9cc4e0;--notebg:#1d2b35;--good:#82d3a6;--goodbg:#1a2f25}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1080px;margin:0 auto;padding:24px 20px 48px}
header{display:flex;flex-wrap:wrap;gap:4px 14px;align-items:baseline;margin-bottom:18px}
h1{font-size:20px;margin:0;letter-spacing:-.01em}
header span,.soft{color:var(--soft)}
header .when{margin-left:auto}
.say{border-radius:10px;padding:12px 16px;margin:0 0 10px;border-left:4px solid}
.say p{margin:0;overflow-wrap:anywhere}
.say .next{color:var(--ink);opacity:.78;margin-top:4px;font-size:14px}
.say b{text-transform:uppercase;font-size:11px;letter-spacing:.06em;margin-right:8px}
.wrong{background:var(--badbg);border-color:var(--bad)}.wrong b{color:var(--bad)}
.slow{background:var(--slowbg);border-color:var(--slow)}.slow b{color:var(--slow)}
.note{background:var(--notebg);border-color:var(--note)}.note b{color:var(--note)}
.well{background:var(--goodbg);border-color:var(--good)}.well b{color:var(--good)}
section{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:18px 20px;margin-top:18px}
h2{font-size:17px;margin:0 0 14px;display:flex;gap:10px;align-items:baseline;flex-wrap:wrap}
h2 .soft{font-weight:400;font-size:14px}
.road{display:grid;grid-template-columns:minmax(0,1fr) 44px minmax(0,1.6fr);align-items:center}
.stop{min-width:0;margin:0}
.stop dt{color:var(--soft);font-size:13px}
.stop dd{margin:0;font-size:20px;line-height:1.3}
.stop dd small{font-size:14px;color:var(--soft)}
.stop dd.soft{font-size:14px;line-height:1.5}
.way{height:2px;background:var(--road);position:relative;margin:0 8px;min-height:2px}
.way::after{content:"";position:absolute;right:-1px;top:-4px;border-left:8px solid var(--road);border-top:5px solid transparent;border-bottom:5px solid transparent}
.ends{display:grid;gap:10px;margin:0;padding:0;list-style:none}
.end{border:1px solid var(--line);border-left:4px solid var(--road);border-radius:8px;padding:8px 12px;min-width:0}
.end.shut{border-left-color:var(--bad)}.end.late{border-left-color:var(--slow)}
.end .name{font-weight:600;overflow-wrap:anywhere}
.end .facts{display:flex;flex-wrap:wrap;gap:0 14px;font-size:14px;color:var(--soft)}
.end .facts i{font-style:normal;color:var(--ink)}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(300px,100%),1fr));gap:18px;margin-top:18px}
figure{margin:0;min-width:0}
figcaption{display:flex;justify-content:space-between;gap:8px;font-size:13px;color:var(--soft);margin-bottom:4px}
figcaption b{color:var(--ink);font-weight:600}
.plot{position:relative}
.plot svg{display:block;width:100%;height:96px;border-bottom:1px solid var(--line)}
.plot .grid{stroke:var(--line);stroke-width:1}
.plot .area{fill:var(--fill);stroke:none}
.plot .curve{fill:none;stroke:var(--road);stroke-width:1.8;stroke-linejoin:round}
.plot .top{position:absolute;left:0;top:0;font-size:11px;color:var(--soft);line-height:1;background:var(--card);padding-right:4px}
.axis{display:flex;justify-content:space-between;font-size:11px;color:var(--soft);margin-top:3px}
details{margin-top:16px}
summary{cursor:pointer;color:var(--soft);font-size:14px}
.wide{overflow-x:auto;margin-top:8px}
table{border-collapse:collapse;width:100%;font-size:14px}
th{text-align:left;font-weight:500;color:var(--soft);font-size:13px}
th,td{padding:5px 14px 5px 0;border-bottom:1px solid var(--line);white-space:nowrap}
td.path{white-space:normal;overflow-wrap:anywhere;min-width:190px}
th.n,td.n{text-align:right}
tr:last-child td{border-bottom:0}
td.off{color:var(--bad);white-space:normal}
footer{color:var(--soft);font-size:13px;margin-top:22px}
@media(max-width:640px){main{padding:16px 12px 32px}section{padding:14px}.road{grid-template-columns:minmax(0,1fr)}.way{width:2px;height:22px;margin:10px 0 14px 14px}.way::after{right:-4px;top:auto;bottom:-1px;border-top:8px solid var(--road);border-left:5px solid transparent;border-right:5px solid transparent;border-bottom:0}header .when{margin-left:0;width:100%}}
`

// pageScript renews what is shown without a flicker, and says so when it can't. Without JavaScript the browser loads the page anew.
const pageScript = `
setInterval(async()=>{const old=document.getElementById("live"),gone=document.getElementById("gone");try{
const r=await fetch(location.href,{cache:"no-store"});if(!r.ok)throw 0;
const fresh=new DOMParser().parseFromString(await r.text(),"text/html").getElementById("live");
for(const d of old.querySelectorAll("details[open]")){const n=fresh.querySelector("#"+CSS.escape(d.id));if(n)n.open=true}
old.replaceWith(fresh);gone.hidden=true}catch(e){gone.hidden=false}},5000);
`

// pagePolicy allows nothing but the style and the script above, and asking for the page again.
var pagePolicy = "default-src 'none'; style-src 'sha256-" + hash(pageStyle) + "'; script-src 'sha256-" + hash(pageScript) +
	"'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}
