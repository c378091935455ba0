begin;
select plan(16);

insert into hubspot_sync.hubspot_contact_credits (id, hubspot_id, student_id, email, sj_credits)
values ('00000000-0000-4000-8000-000000000001', 'C-1', 'S-1', 'ann@example.com', 3);
create function pg_temp.post(p_credit text, p_delta integer, p_note text, p_key text)
  returns text language plpgsql as $$
declare
  v_answer api.contact_credits;
  v_message text;
begin
  v_answer := hubspot_sync.post_credit('00000000-0000-4000-8000-000000000001', p_credit, p_delta,
                                       'grant', p_note, p_key);
  return v_answer.sj_credits || case when v_answer.replayed then ' again' else '' end;
exception when others then
  get stacked diagnostics v_message = message_text;
  return sqlstate || case when length(v_message) > 1000 then ' with a long message' else '' end;
end
$$;
select is(pg_temp.post(p.credit, p.delta, p.note, p.key), p.came, p.fact)
  from (values
    ('sj_credits', 1, 'why', null, '4', 'a balance is changed'),
    (' SJ_CREDITS ', 1, ' why ', '  ', '5', 'blanks and case do not matter'),
    ('sj_credits', -5, 'why', 'key-1', '0', 'it may fall to 0'),
    ('sj_credits', -5, 'why', ' key-1 ', '0 again', 'the same key is answered again'),
    ('sj_credits', -6, 'why', 'key-1', 'MBKEY', 'with another delta it is refused'),
    ('sj_credits', -1, 'why', null, 'MBCRD', 'it does not fall below 0'),
    ('sj_credits', 2147483647, 'why', null, '2147483647', 'it may be as large as a number'),
    ('sj_credits', 1, 'why', null, '22023', 'but not larger'),
    (null, 1, 'why', null, '22023', 'no balance is refused'),
    ('hubspot_id', 1, 'why', null, '22023', 'a column that is no balance, too'),
    ('sj_credits', 1, null, null, '22023', 'no reason is refused'),
    ('sj_credits', 1, repeat('x', 501), null, '22023', 'a long one, too'),
    ('sj_credits', 1, 'why', repeat('x', 501), '22023', 'and a long key'),
    (repeat('x', 10000000), 1, 'why', null, '22023', 'ten million characters are no balance')
  ) as p (credit, delta, note, key, came, fact);
select is(current_setting('hubspot_sync.ledger_entry', true), '',
          'what was said for one entry is said of no other');
update hubspot_sync.hubspot_contact_credits set sj_credits = 7;
select row_eq(
  $$select l.reason, l.note, l.idempotency_key
      from hubspot_sync.credit_ledger l order by l.id desc limit 1$$,
  row('adjustment'::text, null::text, null::text),
     'a direct writer''s entry has no reason in words');

select * from finish();
rollback;
