# xargs, curl and jq: sh curl.sh BASE_URL PROMPTS FOLDER WIDTH
cd "$3" || exit 1
BASE="$1" xargs -d '\n' -P "$4" -I{} sh -c '
  jq -nc --arg p "$1" "{model:\"cogview-4-250304\",prompt:\$p}" |
  curl -sf -H "Authorization: Bearer id.secret" -H "Content-Type: application/json" -d @- "$BASE/images/generations" |
  jq -r ".data[0].url" | xargs curl -sf -o "$1.png"' sh {} < "$2"
