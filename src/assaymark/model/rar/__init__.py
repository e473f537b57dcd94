"""RAR archives, versions 4 and 5 (technote.txt of WinRAR): headers are read, stored members are looked at."""
