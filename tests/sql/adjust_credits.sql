begin;
select plan(23);

-- Everything a refusal must leave alone.
create function pg_temp.state() returns table (what text, is_now text) language plpgsql as $$
begin
  for what in select c.relname from pg_class c
               where c.relnamespace = 'hubspot_sync'::regnamespace and c.relkind = 'r' order by 1
  loop
    execute format('select md5(string_agg(t::text, E''\n'' order by t::text))'
                   ' from hubspot_sync.%I t', what) into is_now;
    return next;
  end loop;
end
$$;

insert into hubspot_sync.hubspot_contact_credits
  (id, hubspot_id, student_id, email, sj_credits, cs_credits)
values
  ('00000000-0000-4000-8000-000000000001', 'C-1', 'S-1', 'ann@example.com', 3, 2147483647);
create temp table before as select * from pg_temp.state();
select throws_ok(format('select api.adjust_credits(%s)', r.arguments), r.code, null, r.fact)
  from (values
    ('', '22023', 'an adjustment of nothing is refused'),
    ('''S-1'', ''ann@example.com'', ''sj_credits'', null, ''why''', '22023', 'a delta is needed'),
    ('''S-1'', ''ann@example.com'', ''sj_credits'', 0, ''why''', '22023', 'nothing is none'),
    ('''S-1'', ''ann@example.com'', ''sj_credits'', 10001, ''why''', '22023', '10,001 is too much'),
    ('''S-1'', ''ann@example.com'', ''sj_credits'', -10001, ''why''', '22023', 'either way'),
    ('''S-1'', ''ann@example.com'', ''sj_credits'', -2147483647 - 1, ''why''', '22023',
     'the most negative number, too'),
    ('''S-1'', ''ann@example.com'', ''sj_credits'', -4, ''why''', 'MBCRD',
     'a balance does not fall below 0'),
    ('''S-1'', ''ann@example.com'', ''shared_mock_credits'', -1, ''why''', 'MBCRD',
     'another balance does not make up for it'),
    ('''S-1'', ''ann@example.com'', ''sj_credits'', -4, ''why'', ''key-1''', 'MBCRD',
     'with a key, too'),
    ('''S-1'', ''ann@example.com'', ''cs_credits'', 1, ''why''', '22023',
     'a balance that would be too large is refused'),
    ('''S-1'', ''ann@example.com'', ''sj_credits'', 1, '' ''', '22023', 'a reason is needed'),
    ('''S-1'', ''ann@example.com'', ''credits'', 1, ''why''', '22023',
     'an unknown balance is refused'),
    ('''S-9'', ''ann@example.com'', ''sj_credits'', 1, ''why''', 'MBCON',
     'an unknown contact is refused'),
    ('p_id => gen_random_uuid(), p_credit => ''sj_credits'', p_delta => 1, p_reason => ''why''',
     'MBCON', 'an unknown id, too')
  ) as r (arguments, code, fact);
select results_eq('select * from pg_temp.state()', 'table before', 'a refusal changes nothing');
select throws_like(
  $$select api.adjust_credits('S-1', 'ann@example.com', 'sj_credits', -4, 'why')$$,
  'contact S-1 has less than 4 of sj_credits', 'the refusal says whose balance it is and how much');
select is((api.adjust_credits('S-1', 'ann@example.com', 'sj_credits', -3, 'why',
       'key-1')).sj_credits,
          0, 'a balance may fall to 0, and the refused key was free');
select row_eq(
  $$select l.delta, l.balance_after, l.reason, l.note, l.booking
      from hubspot_sync.credit_ledger l order by l.id desc limit 1$$,
  row(-3, 0, 'adjustment'::text, 'why'::text, null::uuid), 'the ledger has it with its reason');
select is((api.adjust_credits('S-1', 'ann@example.com', 'sj_credits', -3, 'why', 'key-1')).replayed,
          true, 'the same key takes nothing twice, and is not refused for what is gone');
select throws_ok(
  $$select api.adjust_credits('S-1', 'ann@example.com', 'sj_credits', 3, 'why', 'key-1')$$,
                 'MBKEY', null, 'the other way round is another request');
select is((api.adjust_credits('S-1', 'ann@example.com', 'cs_credits', -10000, 'why')).cs_credits,
          2147473647, '10,000 may be taken at once');
select results_eq(
  $$select q.new_data from hubspot_sync.sync_queue q where q.table_name = 'hubspot_contact_credits'
     order by q.id desc limit 1$$,
  $$values ('{"cs_credits": "2147473647"}'::jsonb)$$, 'HubSpot is told the balance');
select is_empty($$select v.name, v.sample from api.verify() v where v.violations > 0$$,
                'after all this every invariant holds');

select * from finish();
rollback;
