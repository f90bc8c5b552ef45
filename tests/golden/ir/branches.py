"""If, loops and try."""

if a:
    first()
elif b:
    second()
else:
    third()

while a:
    if b:
        break
    continue
else:
    never()

for a, b in c.items():
    use(a)
else:
    done()

try:
    risky()
except:
    raise

try:
    risky()
except (A, B) as error:
    handle(error)
except C:
    pass
else:
    fine()
finally:
    always()

with open(a) as b, lock:
    use(b)

with pair() as (c, d):
    pass
