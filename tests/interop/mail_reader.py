"""Reads a mail as Python's own mail parser does. As a program: prints each file of a maildir, one JSON object a line."""
import email
import json
import sys
from email import policy
from pathlib import Path


def described(content):
    message = email.message_from_bytes(content, policy=policy.default)
    return {
        'headers': {name.lower(): str(value) for name, value in message.items()},
        'defects': [str(defect) for part in message.walk() for defect in part.defects],
        'parts': [(part.get_content_type(), part.get_content()) for part in message.iter_parts()],
        'longest_line': max(len(line) for line in content.replace(b'\r\n', b'\n').split(b'\n')),
    }


if __name__ == '__main__':
    for file in sorted(Path(sys.argv[1]).glob('new/*')):
        print(json.dumps(described(file.read_bytes())))
