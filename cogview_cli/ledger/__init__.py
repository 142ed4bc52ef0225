"""The ledger: what was asked, what came back, what is on disk. One SQLite file."""

from cogview_cli.ledger.claims import Claimed as Claimed
from cogview_cli.ledger.entry import DOUBTFUL_STATES as DOUBTFUL_STATES
from cogview_cli.ledger.entry import PAID_STATES as PAID_STATES
from cogview_cli.ledger.entry import SANDBOX_ACCOUNT as SANDBOX_ACCOUNT
from cogview_cli.ledger.entry import SANDBOX_SERVER_ACCOUNT as SANDBOX_SERVER_ACCOUNT
from cogview_cli.ledger.entry import UNVERIFIED as UNVERIFIED
from cogview_cli.ledger.entry import Entry as Entry
from cogview_cli.ledger.entry import Intent as Intent
from cogview_cli.ledger.entry import Resolution as Resolution
from cogview_cli.ledger.entry import State as State
from cogview_cli.ledger.ledger import Ledger as Ledger
