begin;
select plan(8);

-- A refusal has its code, names what it is about, in few words, and says what to do next.
create function pg_temp.refusal(p_call text, out code text, out message text, out hint text)
  language plpgsql as $$
begin
  execute p_call;
  code := 'nothing was raised';
exception when others then
  get stacked diagnostics code = returned_sqlstate, message = message_text,
                          hint = pg_exception_hint;
end
$$;
create function pg_temp.refused(p_call text, p_code text, p_named text, p_fact text)
  returns text language sql as $$
  select is(concat_ws('; ', r.code,
                      case when strpos(r.message, p_named) = 0
                        then format('%s is not named: %s', p_named, left(r.message, 200)) end,
                      case when r.message is not null and r.hint is null then 'no hint' end,
                      case when length(r.message) > 1000
                        then format('a message of %s characters', length(r.message)) end),
            p_code, p_fact)
    from pg_temp.refusal(p_call) r
$$;
select lives_ok('select hubspot_sync.require_short(' || r.texts || ')', r.fact)
  from (values
    ('null', 'null is short'), ($$''$$, 'so is nothing'),
    ($$repeat('x', 500)$$, 'and 500 characters'),
    ($$repeat('ß', 500), null, 'a'$$, 'letters are counted, not bytes')
  ) as r (texts, fact);
select pg_temp.refused('select hubspot_sync.require_short(' || r.texts || ')', '22023', '500',
                       r.fact)
  from (values
    ($$repeat('x', 501)$$, '501 characters are not'),
    ($$repeat(' ', 501)$$, 'blanks count'),
    ($$null, 'a', repeat('x', 501)$$, 'any of them may be too long'),
    ($$repeat('x', 10485760)$$, 'nor are 10 MB')
  ) as r (texts, fact);

select * from finish();
rollback;
