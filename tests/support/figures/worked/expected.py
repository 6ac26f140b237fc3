"""The results of `derivation.md`; a ratio is given by its numerator and denominator."""

from typing import Any

SHOP, LEDGER = "larkspur/shop", "Larkspur/ledger"
NOW, LATER = "2026-04-03T10:00:00Z", "2026-04-20T00:00:00Z"
PERIOD = {"from": "2026-03-16", "to": "2026-04-06", "now": NOW}

# Name in the derivation: the question.
QUESTIONS: dict[str, dict[str, str]] = {
    "shop": {"repo": SHOP, **PERIOD},
    "shop-api": {"repo": SHOP, "service": "Api", "environment": "Production", **PERIOD},
    "shop-staging": {"repo": SHOP, "environment": "STAGING", **PERIOD},
    "ledger": {"repo": LEDGER, **PERIOD},
    "everything": PERIOD,
    "shop-later": {"repo": SHOP, **PERIOD, "now": LATER},
    "one-day": {"repo": SHOP, "from": "2026-03-29", "to": "2026-03-30", "now": NOW},
    "before": {"repo": SHOP, "from": "2026-03-01", "to": "2026-03-08", "now": NOW},
    "just-now": {"repo": SHOP, "from": NOW, "now": NOW},
}

_N = None
_NO_FAILURE = (0, 0, 0, 0)

# Frequency: deploys, days, gaps, median gap, p90 gap. Lead time: median, p90, count, unknown deploys and
# commits, nothing new. Fail rate: failed, settled, pending, failed pending, unlinked, and the failed by
# evidence: named, corrected, remedied, time. Recovery: median, p90, count, open, without incident, seconds of
# each by remedy alone. Rework: all, deploys, inferred.
_TABLE: dict[str, tuple[tuple[Any, ...], ...]] = {
    "shop": (
        (21, 18.5, 20, 82800, 125820),
        (7200, 146880, 14, 4, 2, 5),
        (11, 18, 1, 2, 1, (2, 0, 2, 7)),
        (6300, 29520, 9, 2, 1, 21600),
        (7, 21, 1),
    ),
    "shop-api": (
        (12, 18.5, 11, 86400, 286200),
        (5400, 95040, 10, 0, 2, 3),
        (6, 10, 0, 2, 0, (2, 0, 1, 3)),
        (6300, 46440, 7, 1, 0),
        (5, 12, 1),
    ),
    "shop-staging": (
        (3, 18.5, 2, 475200, 785280),
        (4200, 6600, 2, 1, 0, 0),
        (1, 3, 0, 0, 1, (0, 0, 0, 1)),
        (3600, 3600, 1, 0, 0),
        (0, 3, 0),
    ),
    "ledger": (
        (2, 17.5, 1, 172800, 172800),
        (_N, _N, 0, 2, 0, 0),
        (0, 2, 0, 0, 2, (0, 0, 0, 0)),
        (_N, _N, 0, 0, 0),
        (0, 2, 0),
    ),
    "everything": (
        (23, 18.5, 22, 81000, 121500),
        (7200, 146880, 14, 6, 2, 5),
        (11, 20, 1, 2, 3, (2, 0, 2, 7)),
        (6300, 29520, 9, 2, 1, 21600),
        (7, 23, 1),
    ),
    "shop-later": (
        (22, 21, 21, 82800, 124200),
        (7200, 138240, 15, 4, 2, 5),
        (13, 22, 0, 0, 1, (3, 0, 2, 8)),
        (6750.5, 97200, 10, 1, 1, 21600),
        (7, 22, 1),
    ),
    "one-day": (
        (3, 1, 2, 3600, 6480),
        (7200, 70560, 3, 0, 0, 0),
        (1, 3, 0, 0, 0, (1, 0, 0, 0)),
        (3600, 3600, 1, 0, 0),
        (1, 3, 1),
    ),
    "before": (
        (0, 0, 0, _N, _N),
        (_N, _N, 0, 0, 0, 0),
        (0, 0, 0, 0, 0, _NO_FAILURE),
        (_N, _N, 0, 0, 0),
        (0, 0, 0),
    ),
    "just-now": (
        (0, 0, 0, _N, _N),
        (_N, _N, 0, 0, 0, 0),
        (0, 0, 0, 0, 0, _NO_FAILURE),
        (_N, _N, 0, 0, 0),
        (0, 0, 0),
    ),
}


def expected(name: str) -> dict[str, Any]:
    """Return the five figures of a question, as they are answered."""
    frequency, lead, fail, recovery, rework = _TABLE[name]
    remedied = recovery[5:]
    return {
        "deploymentFrequency": {
            "value": _ratio(*frequency[:2]),
            "deploys": frequency[0],
            "days": frequency[1],
            "gaps": dict(zip(("count", "median", "p90"), frequency[2:], strict=True)),
        },
        "changeLeadTime": dict(
            zip(
                ("median", "p90", "commits", "unknownDeploys", "unknownCommits", "nothingNew"),
                lead,
                strict=True,
            )
        ),
        "changeFailRate": {
            **dict(zip(("failed", "settled", "pending", "failedPending", "unlinked"), fail, strict=False)),
            "evidence": dict(zip(("named", "corrected", "remedied", "time"), fail[5], strict=True)),
            "attributedIn72h": 0,
        },
        "failedDeploymentRecoveryTime": {
            **dict(zip(("median", "p90", "recovered", "open", "withoutIncident"), recovery[:5], strict=True)),
            "byRemedy": {
                **dict.fromkeys(("median", "p90"), remedied[0] if remedied else None),
                "count": len(remedied),
            },
        },
        "deploymentReworkRate": {
            "value": _ratio(*rework[:2]),
            "rework": rework[0],
            "deploys": rework[1],
            "inferred": rework[2],
        },
    }


def _ratio(part: float, whole: float | None) -> float | None:
    return part / whole if whole else None


# Event: the words of its verdicts for the question "shop": of a deploy on frequency, lead time, fail rate,
# recovery, rework; of an incident's events as many as it takes part in.
WHY: dict[str, str] = {
    "d01": "period",
    "d02": "period",
    "d03": "counted counted failed recovered planned",
    "d04": "counted all-services failed recovered planned",
    "d05": "counted all-services failed recovered rework",
    "d06": "counted nothing-new succeeded not-failed rework",
    "d07": "counted nothing-new succeeded not-failed rework",
    "d08": "counted nothing-new failed recovered planned",
    "d09": "counted all-services failed open planned",
    "d10": "counted all-services succeeded not-failed planned",
    "d11": "counted all-services failed recovered planned",
    "d12": "counted all-services succeeded not-failed inferred",
    "d13": "counted all-services failed-pending recovered rework",
    "d14": "counted all-services failed-pending recovered planned",
    "d15": "later",
    "w1": "counted no-predecessor succeeded not-failed planned",
    "w2": "counted all-services failed without-incident planned",
    "w3": "counted nothing-new failed recovered rework",
    "w4": "counted all-services succeeded not-failed planned",
    "w5": "counted no-commits failed open planned",
    "w6": "counted earlier-lists-none pending not-failed planned",
    "n1": "counted no-predecessor failed recovered planned",
    "n2": "counted all-services failed remedied planned",
    "n3": "counted nothing-new succeeded not-failed rework",
    "s1": "environment",
    "s2": "environment",
    "s3": "environment",
    "l1": "repository",
    "l2": "repository",
    "i01": "failed recovered",
    "i02": "recovered",
    "i03": "failed recovered",
    "i04": "duplicate",
    "i05": "recovered",
    "i06": "duplicate",
    "i07": "failed later-outage",
    "i08": "later-outage",
    "i09": "failed recovered",
    "i10": "recovered",
    "i11": "failed recovered",
    "i12": "recovered",
    "i13": "failed merged",
    "i14": "merged",
    "i15": "failed later-outage",
    "i16": "later-outage",
    "i17": "nothing-happened",
    "i18": "failed open",
    "i19": "failed recovered",
    "i20": "recovered",
    "i21": "environment",
    "i22": "environment",
    "i23": "unlinked",
    "i24": "unlinked",
    "i25": "repository",
    "i26": "repository",
    "i27": "failed recovered",
    "i28": "recovered",
    "i29": "environment",
    "i30": "environment",
    "i31": "failed recovered",
    "i32": "recovered",
    "i33": "failed-pending recovered",
    "i34": "recovered",
    "i35": "failed open",
    "i36": "later",
    "i37": "failed-pending recovered",
    "i38": "repository",
    "i39": "recovered",
    "i40": "later",
    "i41": "failed recovered",
    "i42": "nothing-happened",
    "i43": "nothing-happened",
    "i44": "recovered",
    "i45": "failed recovered",
    "i46": "recovered",
    "i47": "failed recovered",
    "i48": "recovered",
}
