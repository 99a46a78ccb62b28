"""python list.py URL [--quick]: lists users with profile, settings and permissions through Django's
prefetch_related, and prints a JSON object a line. The tables must be there."""

import json
import sys
import time
import urllib.parse
import uuid

import django
from django.conf import settings as configuration

URL, QUICK = sys.argv[1], "--quick" in sys.argv
SQLITE = URL.startswith("sqlite:")


def database():
    """The address as Django wants it."""
    if SQLITE:
        pragmas = "PRAGMA mmap_size = 134217728; PRAGMA cache_size = -8192;"
        options = {"init_command": pragmas}
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": URL.removeprefix("sqlite:"), "OPTIONS": options}
    parts = urllib.parse.urlsplit(URL)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": parts.username,
        "PASSWORD": parts.password or "",
        "HOST": parts.hostname,
        "PORT": parts.port,
        "CONN_MAX_AGE": None,
    }


configuration.configure(DATABASES={"default": database()}, INSTALLED_APPS=[], DEBUG=False, USE_TZ=True)
django.setup()

from django.db import connection, models  # noqa: E402
from django.db.models import Prefetch  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

# A uuid is 16 bytes in our SQLite files; Django's own field would look for text.
Id = models.BinaryField if SQLITE else models.UUIDField


class People(models.Model):
    """What all of the tables have."""

    org_id = Id()

    class Meta:
        abstract = True


class User(People):
    id = Id(primary_key=True)
    email = models.TextField()
    name = models.TextField()

    class Meta:
        app_label, db_table, managed = "people", "people_users", False


class Profile(People):
    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="profile")
    city = models.TextField()

    class Meta:
        app_label, db_table, managed = "people", "people_profiles", False


class Settings(People):
    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="settings")
    theme = models.TextField()

    class Meta:
        app_label, db_table, managed = "people", "people_settings", False


class Permission(People):
    id = Id(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="permissions")
    name = models.TextField()

    class Meta:
        app_label, db_table, managed = "people", "people_permissions", False


def views(organization):
    """The list; each relation is narrowed to the organization too, since that is what its index begins with."""
    theirs = {"org_id": organization}
    users = (
        User.objects.filter(**theirs)
        .order_by("email", "id")
        .prefetch_related(
            Prefetch("profile", Profile.objects.filter(**theirs)),
            Prefetch("settings", Settings.objects.filter(**theirs)),
            Prefetch("permissions", Permission.objects.filter(**theirs).order_by("id")),
        )
    )
    return [
        {
            "id": user.id,
            "name": user.name,
            "city": user.profile.city,
            "theme": user.settings.theme,
            "permissions": [permission.name for permission in user.permissions.all()],
        }
        for user in users[:1001]
    ]


def main():
    for size in (10, 100, 1000):
        number = uuid.UUID(int=size)
        organization = number.bytes if SQLITE else number
        with CaptureQueriesContext(connection) as captured:
            assert len(views(organization)) == size
        times = []
        for _ in range((6_000 if QUICK else 40_000) // (size + 90)):
            began = time.perf_counter()
            views(organization)
            times.append((time.perf_counter() - began) * 1e6)
        times.sort()
        part = lambda share: round(times[max(0, -(-len(times) * share // 100) - 1)], 1)
        line = {"case": "django", "users": size, "n": len(times), "median_us": part(50), "p99_us": part(99)}
        print(json.dumps(line | {"statements": len(captured)}), flush=True)


main()
