"""The vendor's error codes: what each means and how it ends a request.

Where each code comes from: cogview_cli/api/README.md#error-codes. A code decides
before the HTTP status does, because 429 also stands for an empty account.
"""

from enum import Enum
from typing import NamedTuple


class ErrorClass(Enum):
    """How to treat an error of the API."""

    THROTTLE = "throttle"  # this account's concurrency; costs nothing, wait
    OVERLOAD = "overload"  # the platform is busy; everyone waits
    TRANSIENT = "transient"  # the server failed and said so; twice at most
    REFUSED = "refused"  # content policy
    BAD_REQUEST = "bad request"  # this request will never pass
    ACCOUNT = "account"  # no request of this key will pass
    QUOTA = "quota"  # a cap of the vendor; later
    LATER = "later"  # nothing was made; the next run may ask again
    UNKNOWN = "unknown"  # perhaps paid
    NOT_THE_API = "not the API"  # something else answered at that URL

    @property
    def slug(self) -> str:
        """Its name where a server gives no code of its own: the same for ever."""
        return self.name.lower().replace("_", "-")


class Code(NamedTuple):
    """One vendor code: usual HTTP status, class, meaning in a few words."""

    status: int
    kind: ErrorClass
    meaning: str


CODES: dict[str, Code] = {
    "500": Code(500, ErrorClass.TRANSIENT, "internal error of the API"),
    "1000": Code(401, ErrorClass.ACCOUNT, "authentication failed"),
    "1001": Code(401, ErrorClass.ACCOUNT, "no Authorization header arrived"),
    "1002": Code(401, ErrorClass.ACCOUNT, "the key is not valid"),
    "1003": Code(401, ErrorClass.ACCOUNT, "the token has expired"),
    "1004": Code(401, ErrorClass.ACCOUNT, "the token could not be verified"),
    "1005": Code(401, ErrorClass.ACCOUNT, "the account needs a second-factor login"),
    "1100": Code(500, ErrorClass.ACCOUNT, "the account could not be read"),
    "1110": Code(429, ErrorClass.ACCOUNT, "the account is inactive"),
    "1111": Code(429, ErrorClass.ACCOUNT, "the account does not exist"),
    "1112": Code(429, ErrorClass.ACCOUNT, "the account is locked"),
    "1113": Code(429, ErrorClass.ACCOUNT, "the balance or resource pack is used up"),
    "1120": Code(429, ErrorClass.LATER, "the account is not accessible for the moment"),
    "1121": Code(429, ErrorClass.ACCOUNT, "the account is blocked"),
    "1200": Code(500, ErrorClass.TRANSIENT, "the call failed"),
    "1210": Code(400, ErrorClass.BAD_REQUEST, "wrong parameters"),
    "1211": Code(400, ErrorClass.BAD_REQUEST, "the model does not exist"),
    "1212": Code(400, ErrorClass.BAD_REQUEST, "the model does not take this kind of call"),
    "1213": Code(400, ErrorClass.BAD_REQUEST, "a parameter is missing"),
    "1214": Code(400, ErrorClass.BAD_REQUEST, "a parameter is invalid"),
    "1215": Code(400, ErrorClass.BAD_REQUEST, "two parameters exclude each other"),
    "1220": Code(403, ErrorClass.ACCOUNT, "the key has no right to use this API"),
    "1221": Code(400, ErrorClass.BAD_REQUEST, "the API has been taken offline"),
    "1222": Code(400, ErrorClass.BAD_REQUEST, "the API does not exist"),
    "1230": Code(500, ErrorClass.TRANSIENT, "the call flow failed"),
    "1231": Code(400, ErrorClass.UNKNOWN, "a request with this id exists already"),
    "1234": Code(500, ErrorClass.TRANSIENT, "network error inside the platform"),
    "1261": Code(400, ErrorClass.BAD_REQUEST, "the prompt is too long"),
    "1300": Code(400, ErrorClass.REFUSED, "blocked by policy"),
    "1301": Code(400, ErrorClass.REFUSED, "the content policy refused it"),
    "1302": Code(429, ErrorClass.THROTTLE, "too many requests at once for this account"),
    "1303": Code(429, ErrorClass.THROTTLE, "requests come too fast for this account"),
    "1304": Code(429, ErrorClass.QUOTA, "the daily call cap is reached"),
    "1305": Code(429, ErrorClass.OVERLOAD, "the platform is overloaded"),
    "1308": Code(429, ErrorClass.QUOTA, "the quota is used up"),
    "1309": Code(429, ErrorClass.ACCOUNT, "the Coding Plan has expired"),
    "1310": Code(429, ErrorClass.QUOTA, "the weekly or monthly quota is used up"),
    "1311": Code(429, ErrorClass.ACCOUNT, "the plan does not include this model"),
    "1312": Code(429, ErrorClass.OVERLOAD, "the model is busy"),
    "1313": Code(429, ErrorClass.ACCOUNT, "limited under the fair-use policy"),
    "1314": Code(429, ErrorClass.ACCOUNT, "the enterprise plan is invalid"),
    "1315": Code(429, ErrorClass.ACCOUNT, "the key is limited to the enterprise coding plan"),
    "1316": Code(429, ErrorClass.QUOTA, "the 5-hour quota is used up"),
    "1317": Code(429, ErrorClass.QUOTA, "the 7-day quota is used up"),
    "1318": Code(429, ErrorClass.QUOTA, "a spend cap is reached"),
    "1319": Code(429, ErrorClass.QUOTA, "a spend cap is reached"),
    "1320": Code(429, ErrorClass.QUOTA, "a spend cap is reached"),
    "1321": Code(429, ErrorClass.QUOTA, "a spend cap is reached"),
}
