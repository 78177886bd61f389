#!/usr/bin/env python3
"""Writes oracle.tsv: prompts for the exact tools with answers from Python's own integers, fractions, decimals, datetime
and zoneinfo, which share no code with the tools. Seeded; run it in this folder to make the file anew:

    python3 make_oracle.py > oracle.tsv

Columns: tool, prompt, answer. Backslash escapes \\n, \\t and \\\\. "Today" is 2024-06-15 11:30 UTC, as in the tests.
"""
import datetime as dt
import math
import random
from decimal import Decimal, getcontext
from fractions import Fraction
from zoneinfo import ZoneInfo

SEED = 20260701
PER_KIND = 45
random.seed(SEED)
getcontext().prec = 120
rows = []


def row(tool, prompt, answer):
    escaped = [str(cell).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
               for cell in (tool, prompt, answer)]
    rows.append("\t".join(escaped))


def fixed(value, decimals):
    """Half away from zero."""
    value = Fraction(value)
    scaled = abs(value) * 10**decimals
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    digits = str(whole).rjust(decimals + 1, "0")
    text = digits if decimals == 0 else digits[:-decimals] + "." + digits[-decimals:]
    return "-" + text if value < 0 and whole else text


def significant(value, digits):
    value = Fraction(value)
    if value == 0:
        return "0"
    leading = math.floor(math.log10(abs(value.numerator)) - math.log10(value.denominator)) - 1
    while abs(value) >= Fraction(10) ** (leading + 1):
        leading += 1
    decimals = digits - 1 - leading
    if decimals <= 0:
        unit = 10 ** (-decimals)
        return str(int(fixed(value / unit, 0)) * unit)
    return fixed(value, decimals).rstrip("0").rstrip(".")


def ends(value, digits_max):
    """The exact decimal if it has at most that many significant digits."""
    value = Fraction(value)
    if value.denominator == 1:
        return str(value.numerator)
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest != 1:
        return None
    decimals = 0
    while (value * 10**decimals).denominator != 1:
        decimals += 1
    text = fixed(value, decimals)
    return text if len(text.lstrip("-0.").replace(".", "")) <= digits_max else None


def shown(value):
    return ends(value, 20) or rounded(value, 10)


def rounded(value, digits):
    """Significant digits or six decimals, whichever shows more."""
    value = Fraction(value)
    text = significant(value, digits)
    if value == 0 or len(text.partition(".")[2]) >= 6:
        return text
    longer = fixed(value, 6).rstrip("0").rstrip(".")
    return longer if len(longer) >= len(text) else text


def pick(*choices):
    return random.choice(choices)


ASK = ["What is {}?", "Calculate {}.", "Compute {}", "{} =", "How much is {}?", "Please work out {}.", "what's {}",
       "Can you tell me what {} is?", "Evaluate {}. Answer with only the number."]
UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen " \
        "seventeen eighteen nineteen".split()
TENS = "x x twenty thirty forty fifty sixty seventy eighty ninety".split()


def words(n):
    if n < 20:
        return UNITS[n]
    if n < 100:
        return TENS[n // 10] + ("-" + UNITS[n % 10] if n % 10 else "")
    if n < 1000:
        return UNITS[n // 100] + " hundred" + (pick(" and ", " ") + words(n % 100) if n % 100 else "")
    for scale, name in ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand")):
        if n >= scale:
            return words(n // scale) + " " + name + (" " + words(n % scale) if n % scale else "")


def expression(depth):
    """Text with explicit brackets round every inner operation, and its exact value."""
    if depth == 0:
        if random.random() < 0.25:
            text = f"{random.randint(0, 99)}.{random.randint(1, 99)}"
            return text, Fraction(text)
        n = random.randint(0, 10 ** random.randint(1, 9))
        return (f"{n:,}" if random.random() < 0.15 else str(n)), Fraction(n)
    left, a = expression(depth - 1)
    right, b = expression(random.randint(0, depth - 1))
    left = f"({left})" if depth > 1 else left
    right = f"({right})" if any(c in right for c in "+-*/^") else right
    sign = pick("+", "-", "*", "/") if b else pick("+", "-", "*")
    value = {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b}[sign]()
    return f"{left} {sign} {right}", value


def flat_expression():
    """Operators by precedence without brackets; Python's own parser is the oracle."""
    text = str(random.randint(1, 99))
    python = f"Fraction({text})"
    for _ in range(random.randint(2, 6)):
        sign = pick("+", "-", "*", "/", "*", "+")
        n = random.randint(1, 99)
        text += f" {sign} {n}"
        python += f" {sign} Fraction({n})"
    return text, eval(python)


def arithmetic():
    for _ in range(PER_KIND * 3):
        text, value = expression(random.randint(1, 3))
        row("arithmetic", pick(*ASK).format(text), shown(value))
    for _ in range(PER_KIND * 2):
        text, value = flat_expression()
        row("arithmetic", pick(*ASK).format(text), shown(value))
    for _ in range(PER_KIND):
        a, b = random.randint(0, 10 ** random.randint(1, 12)), random.randint(1, 999)
        word, value = pick(("plus", a + b), ("minus", a - b), ("times", a * b), ("multiplied by", a * b))
        row("arithmetic", f"What is {words(a)} {word} {words(b)}?", value)
    for _ in range(PER_KIND):
        base, exponent = random.randint(2, 40), random.randint(2, 60)
        row("arithmetic", pick(f"What is {base}^{exponent}?", f"{base} to the power of {exponent}",
                               f"Compute {base} ** {exponent}."), base**exponent)
    for _ in range(PER_KIND):
        a, b = random.randint(10**20, 10**90), random.randint(10**20, 10**90)
        sign, value = pick(("*", a * b), ("+", a + b), ("-", a - b))
        row("arithmetic", f"Calculate {a} {sign} {b}.", value)
    for _ in range(PER_KIND):
        b = random.randint(10**10, 10**40)
        a = b * random.randint(10**5, 10**60)
        row("arithmetic", f"What is {a} / {b}?", a // b)
        a += random.randint(1, b - 1)
        row("arithmetic", f"What is the remainder when {a} is divided by {b}?", a % b)
    for n in random.sample(range(3, 250), PER_KIND):
        row("arithmetic", pick(f"{n}!", f"What is {n} factorial?", f"Compute the factorial of {n}."), math.factorial(n))
    for _ in range(PER_KIND):
        n, digits = random.randint(2, 10**9), random.randint(1, 20)
        root = Fraction(Decimal(n).sqrt())
        row("arithmetic", f"What is the square root of {n} to {digits} decimal places?", fixed(root, digits))
        row("arithmetic", f"sqrt({n * n})", n)
    for _ in range(PER_KIND):
        n = random.randint(2, 10**5)
        row("arithmetic", f"What is the cube root of {n**3}?", n)
    for _ in range(PER_KIND):
        a, b, digits = random.randint(1, 9999), random.randint(2, 999), random.randint(0, 6)
        text = "decimal place" if digits == 1 else "decimal places"
        row("arithmetic", f"What is {a} / {b}, rounded to {digits} {text}?", fixed(Fraction(a, b), digits))
    for _ in range(PER_KIND):
        a, b, c, d = (random.randint(1, 30) for _ in range(4))
        sign = pick("+", "-", "*")
        value = eval(f"Fraction(a, b) {sign} Fraction(c, d)", {"Fraction": Fraction, "a": a, "b": b, "c": c, "d": d})
        text = str(value.numerator) if value.denominator == 1 else f"{value.numerator}/{value.denominator}"
        row("arithmetic", f"What is {a}/{b} {sign} {c}/{d}?", text)
    for _ in range(PER_KIND):
        p, n = random.randint(1, 300), random.randint(1, 9999)
        row("arithmetic", f"What is {p}% of {n}?", shown(Fraction(p * n, 100)))
        row("arithmetic", f"Increase {n} by {p}%.", shown(Fraction(n * (100 + p), 100)))
        part = random.randint(1, 999)
        row("arithmetic", f"What percent of {n} is {part}?", shown(Fraction(100 * part, n)) + "%")
    for _ in range(PER_KIND):
        values = [random.randint(1, 9999) for _ in range(random.randint(2, 7))]
        listed = ", ".join(map(str, values[:-1])) + " and " + str(values[-1])
        row("arithmetic", f"What is the sum of {listed}?", sum(values))
        row("arithmetic", f"What is the average of {listed}?", shown(Fraction(sum(values), len(values))))
        row("arithmetic", f"What is the greatest common divisor of {listed}?", math.gcd(*values))
        row("arithmetic", f"Find the least common multiple of {listed}.", math.lcm(*values))
    for _ in range(PER_KIND):
        n = random.randint(0, 10**15)
        row("arithmetic", f"Convert {n} to hexadecimal.", f"{n:X}")
        row("arithmetic", f"Convert {n:b} from binary to decimal.", n)
    for _ in range(PER_KIND):
        n = pick(random.randint(2, 2000), random.randint(2, 10**7))
        row("arithmetic", f"Is {n} a prime number?",
            "Yes" if n > 1 and all(n % d for d in range(2, math.isqrt(n) + 1)) else "No")


def any_date(low=1600, high=2300):
    first, last = dt.date(low, 1, 1).toordinal(), dt.date(high, 12, 31).toordinal()
    return dt.date.fromordinal(random.randint(first, last))


def long_date(day):
    suffix = "th" if 11 <= day.day % 100 <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    return pick(f"{day:%Y-%m-%d}", f"{day:%B} {day.day}, {day.year}", f"{day.day} {day:%B} {day.year}",
                f"the {day.day}{suffix} of {day:%B} {day.year}", f"{day:%b} {day.day}{suffix}, {day.year}")


def weekday_count(low, high):
    """Mondays to Fridays in (low, high]."""
    count, day = 0, low
    while day < high:
        day += dt.timedelta(1)
        count += day.weekday() < 5
    return count


def dates():
    for _ in range(PER_KIND * 2):
        day = any_date()
        row("dates", pick(f"What day of the week was {long_date(day)}?", f"Which weekday is {long_date(day)}?",
                          f"On what day of the week did {long_date(day)} fall?"), f"{day:%A}")
    for _ in range(PER_KIND * 2):
        a, b = sorted((any_date(), any_date()))
        count = (b - a).days
        row("dates", pick(f"How many days are between {long_date(a)} and {long_date(b)}?",
                          f"How many days are there from {long_date(a)} to {long_date(b)}?"),
            f"{count} day{'' if count == 1 else 's'}")
    for _ in range(PER_KIND * 2):
        day, count = any_date(1700, 2200), random.randint(1, 9000)
        row("dates", f"What date is {count} days after {long_date(day)}?", day + dt.timedelta(count))
        row("dates", f"What date was {count} days before {long_date(day)}?", day - dt.timedelta(count))
    for _ in range(PER_KIND):
        day, count = any_date(1700, 2200), random.randint(1, 60)
        if day.day > 28:
            day = day.replace(day=28)
        total = day.year * 12 + day.month - 1 + count
        row("dates", f"Add {count} months to {day}.", dt.date(total // 12, total % 12 + 1, day.day))
    for _ in range(PER_KIND):
        day, count = any_date(1990, 2060), random.randint(1, 200)
        moved = day
        left = count
        while left:
            moved += dt.timedelta(1)
            left -= moved.weekday() < 5
        row("dates", f"What date is {count} business days after {day}?", moved)
        moved, left = day, count
        while left:
            moved -= dt.timedelta(1)
            left -= moved.weekday() < 5
        row("dates", f"What date was {count} business days before {day}?", moved)
        end = day + dt.timedelta(random.randint(0, 200))
        row("dates", f"How many business days (Monday to Friday) are there from {day} up to but not including {end}?"
            " Answer with only the number.",
            weekday_count(day - dt.timedelta(1), end - dt.timedelta(1)))
    for _ in range(PER_KIND):
        day = any_date()
        row("dates", f"What day of the year is {day}?", day.timetuple().tm_yday)
        row("dates", f"What ISO week number is {day}?", day.isocalendar()[1])
        leap = (dt.date(day.year, 3, 1) - dt.date(day.year, 2, 28)).days == 2
        row("dates", f"Is {day.year} a leap year?", "Yes" if leap else "No")
    for _ in range(PER_KIND):
        start = dt.datetime(2024, 1, 1, random.randint(0, 23), random.randint(0, 59))
        hours, minutes = random.randint(1, 11), random.randint(1, 59)
        end = start + dt.timedelta(hours=hours, minutes=minutes)
        hour = start.strftime("%I:%M %p").lstrip("0")
        row("dates", f"What time is {hours} hours and {minutes} minutes after {hour}?"
            .replace("1 hours", "1 hour" if hours == 1 else "1 hours").replace(" 1 minutes", " 1 minute"),
            end.strftime("%I:%M %p").lstrip("0"))
        row("dates", f"How many minutes are in {hours} hours and {minutes} minutes? Answer with only the number.",
            hours * 60 + minutes)
    zones = {"New York": "America/New_York", "London": "Europe/London", "Berlin": "Europe/Berlin",
             "Tokyo": "Asia/Tokyo",
             "Sydney": "Australia/Sydney", "Mumbai": "Asia/Kolkata", "Los Angeles": "America/Los_Angeles",
             "UTC": "UTC", "Sao Paulo": "America/Sao_Paulo", "Cairo": "Africa/Cairo"}
    made = 0
    while made < PER_KIND * 2:
        a, b = random.sample(list(zones), 2)
        day = any_date(1975, 2033)
        # Late in the evening clocks are not set forward or back in these zones, but for Cairo and Sao Paulo at
        # midnight.
        local = dt.datetime(day.year, day.month, day.day, random.randint(4, 22), random.randint(0, 59))
        there = local.replace(tzinfo=ZoneInfo(zones[a])).astimezone(ZoneInfo(zones[b]))
        tail = "" if there.date() == day else f" on {there.date()}"
        row("dates", f"What is {local:%H:%M} {a} on {day} in {b}?" if local.hour >= 13 else
            f"Convert {local:%I:%M %p} {a} time to {b} time on {day}.",
            (f"{there:%H:%M}" if local.hour >= 13 else f"{there:%I:%M %p}".lstrip("0")) + tail)
        made += 1


LENGTH = {"miles": ("mi", "1609.344"), "kilometres": ("km", "1000"), "metres": ("m", "1"), "feet": ("ft", "0.3048"),
          "inches": ("in", "0.0254"), "yards": ("yd", "0.9144"), "centimetres": ("cm", "0.01"),
          "millimeters": ("mm", "0.001"), "nautical miles": ("nmi", "1852")}
MASS = {"kilograms": ("kg", "1"), "grams": ("g", "0.001"), "pounds": ("lb", "0.45359237"),
        "ounces": ("oz", "0.028349523125"), "stone": ("st", "6.35029318"), "tonnes": ("t", "1000")}
SPEED = {"mph": ("mph", "0.44704"), "km/h": ("km/h", "5/18"), "m/s": ("m/s", "1"), "knots": ("knots", "463/900")}
TIME = {"hours": ("h", "3600"), "minutes": ("min", "60"), "seconds": ("s", "1"), "days": ("days", "86400"),
        "weeks": ("weeks", "604800")}
AREA = {"square metres": ("m²", "1"), "square feet": ("ft²", "0.09290304"), "hectares": ("ha", "10000"),
        "acres": ("acres", "4046.8564224"), "square kilometres": ("km²", "1000000")}
DATA = {"KiB": ("KiB", "1024"), "MiB": ("MiB", "1048576"), "GiB": ("GiB", "1073741824"), "bytes": ("bytes", "1")}
ENERGY = {"kWh": ("kWh", "3600000"), "joules": ("J", "1"), "kilojoules": ("kJ", "1000"), "kcal": ("kcal", "4184")}
PRESSURE = {"bar": ("bar", "100000"), "kPa": ("kPa", "1000"), "atm": ("atm", "101325"),
            "mmHg": ("mmHg", "133.322387415")}


def unit_value(value):
    return ends(value, 15) or rounded(value, 6)


def units():
    for table in (LENGTH, MASS, SPEED, TIME, AREA, DATA, ENERGY, PRESSURE):
        for _ in range(PER_KIND):
            a, b = random.sample(list(table), 2)
            amount = pick(str(random.randint(2, 999)), f"{random.randint(1, 99)}.{random.randint(1, 9)}")
            value = Fraction(amount) * Fraction(table[a][1]) / Fraction(table[b][1])
            text = pick(f"Convert {amount} {a} to {b}.", f"What is {amount} {a} in {b}?",
                        f"How many {b} are {amount} {a}?",
                        f"{amount} {a} in {b}")
            if random.random() < 0.3:
                digits = random.randint(1, 5)
                row("units", text.rstrip(".?") + f", rounded to {digits} decimal{'' if digits == 1 else 's'}.",
                    fixed(value, digits) + " " + table[b][0])
            else:
                row("units", text, unit_value(value) + " " + table[b][0])
    for _ in range(PER_KIND):
        c = random.randint(-200, 400)
        row("units", f"Convert {c} degrees Celsius to Fahrenheit.", unit_value(Fraction(c * 9, 5) + 32) + " °F")
        row("units", f"What is {c} °F in °C?", unit_value(Fraction(c - 32) * 5 / 9) + " °C")
    names = "florin groat ducat zorp blip quib snark boojum kron thaler".split()
    for _ in range(PER_KIND * 2):
        a, b, c = random.sample(names, 3)
        rate, other, amount = random.randint(2, 30), Fraction(random.randint(11, 99), 10), random.randint(2, 50)
        row("units", f"If 1 {a} is {ends(other, 9)} {b}s, how many {b}s are {amount} {a}s?",
            unit_value(other * amount) + f" {b}s")
        found = Fraction(amount) / rate / other
        if other.denominator == 1 and found.denominator != 1:
            continue  # wholes all through, and the answer none: declined
        row("units", f"If 1 {a} is {rate} {b}s and 1 {b} is {ends(other, 9)} {c}s, how many {a}s are {amount} {c}s? "
            "Reply with just the number.", unit_value(found))


WORDS = """pear apple fig banana mango grape lemon cherry plum peach melon orange kiwi papaya river mountain house table
window garden planet silver copper marble candle bottle letter wizard dragon puzzle forest meadow harbour
lantern""".split()


def text():
    for _ in range(PER_KIND * 2):
        word = "".join(random.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(random.randint(3, 15)))
        row("text", pick(f"Reverse the string '{word}'.", f"Write '{word}' backwards.", f'Reverse the word "{word}".'),
            word[::-1])
        letter = random.choice(word)
        row("text", pick(f"How many times does the letter {letter} appear in '{word}'?",
                         f"Count the letter {letter} in '{word}'."), word.count(letter))
        row("text", f"How many letters are in the word '{word}'?", len(word))
        place = random.randint(1, len(word))
        suffix = "th" if 11 <= place <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
        row("text", f"What is the {place}{suffix} letter of '{word}'?", word[place - 1])
        row("text", pick(f"Convert '{word}' to upper case.", f"Change '{word}' to uppercase."), word.upper())
    for _ in range(PER_KIND * 2):
        some = random.sample(WORDS, random.randint(3, 12))
        row("text", pick(f"Sort these words alphabetically: {', '.join(some)}.",
                         f"Put these words in alphabetical order: {', '.join(some)}."), ", ".join(sorted(some)))
        sentence = " ".join(random.choices(WORDS, k=random.randint(3, 30)))
        row("text", f"How many words are in the sentence: '{sentence}'", len(sentence.split()))
        row("text", f"Reverse the order of the words in '{sentence}'.", " ".join(reversed(sentence.split())))
    for _ in range(PER_KIND * 2):
        numbers = [random.randint(-999, 999) for _ in range(random.randint(3, 20))]
        if random.random() < 0.3:
            numbers = [Decimal(n) / 4 for n in numbers]
        down = random.random() < 0.5
        order = "descending" if down else "ascending"
        listed = ", ".join(map(str, numbers))
        row("text", pick(f"Sort these numbers in {order} order: {listed}", f"Sort {listed} in {order} order.",
                         f"Sort the list [{listed}] in {order} order."),
                    ", ".join(map(str, sorted(numbers, reverse=down))))
    for _ in range(PER_KIND):
        a, b = (random.sample(range(1, 40), random.randint(3, 12)) for _ in range(2))
        for name, value in (("union", set(a) | set(b)), ("intersection", set(a) & set(b)),
                            ("symmetric difference", set(a) ^ set(b))):
            if value:
                row("text", f"What is the {name} of {{{', '.join(map(str, a))}}} and {{{', '.join(map(str, b))}}}?",
                    ", ".join(map(str, sorted(value))))


arithmetic()
dates()
units()
text()
print(f"# Written by make_oracle.py with seed {SEED}: tool, prompt, answer.")
print("\n".join(rows))
