"""How what is answered is written: lines, tables, tones and pictures for people, JSON for programs."""
