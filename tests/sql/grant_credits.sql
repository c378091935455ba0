begin;
select plan(43);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return current_setting('test.now')::timestamptz;
set local test.now = '2030-01-01 09:00+00';

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
  ('00000000-0000-4000-8000-000000000001', 'C-1', 'S-1', 'Ann@Example.com', 1, 2147483647),
  ('00000000-0000-4000-8000-000000000002', 'C-2', 'S-2', 'bob@example.com', 0, 0);
create temp view entry as
  select l.credit, l.delta, l.balance_before, l.balance_after, l.reason, l.note, l.actor
    from hubspot_sync.credit_ledger l order by l.id desc limit 1;
create temp table before as select * from pg_temp.state();
select throws_ok(format('select api.grant_credits(%s)', r.arguments), r.code, null, r.fact)
  from (values
    ('', '22023', 'a grant of nothing is refused'),
    ('''S-1'', ''ann@example.com'', ''sj_credits'', null, ''why''', '22023', 'an amount is needed'),
    ('''S-1'', ''ann@example.com'', ''sj_credits'', 0, ''why''', '22023', 'nothing is no amount'),
    ('''S-1'', ''ann@example.com'', ''sj_credits'', -1, ''why''', '22023',
     'nothing is taken away'),
    ('''S-1'', ''ann@example.com'', ''sj_credits'', 10001, ''why''', '22023',
     '10,001 are too many'),
    ('''S-1'', ''ann@example.com'', ''sj_credits'', 2147483647, ''why''', '22023',
     'the largest number, too'),
    ('''S-1'', ''ann@example.com'', null, 1, ''why''', '22023', 'a balance is needed'),
    ('''S-1'', ''ann@example.com'', '''', 1, ''why''', '22023', 'an empty one is none'),
    ('''S-1'', ''ann@example.com'', ''email'', 1, ''why''', '22023',
     'a column that is no balance is none'),
    ('''S-1'', ''ann@example.com'', ''Mini-mock'', 1, ''why''', '22023', 'nor is a mock type'),
    ('''S-1'', ''ann@example.com'', ''sj_credits = 9, email'', 1, ''why''', '22023',
     'what is text stays text'),
    ('''S-1'', ''ann@example.com'', ''sj_credits'', 1', '22023', 'a reason is needed'),
    ('''S-1'', ''ann@example.com'', ''sj_credits'', 1, ''  ''', '22023', 'a blank one is none'),
    ('''S-1'', ''ann@example.com'', ''sj_credits'', 1, repeat(''x'', 10000000)', '22023',
     'a reason of ten million characters is refused'),
    ('''S-1'', ''ann@example.com'', ''sj_credits'', 1, ''why'', repeat(''x'', 501)', '22023',
     'a key of 501 characters is refused'),
    ('''S-1'', null, ''sj_credits'', 1, ''why''', '22023', 'a lone student id is refused'),
    ('''S-9'', ''ann@example.com'', ''sj_credits'', 1, ''why''', 'MBCON',
     'an unknown contact is refused'),
    ('''S-2'', ''ann@example.com'', ''sj_credits'', 1, ''why''', 'MBCON',
     'ids of two contacts are refused'),
    ('''S-1'', ''ann@example.com'', ''cs_credits'', 1, ''why''', '22023',
     'a balance that would be too large is refused')
  ) as r (arguments, code, fact);
select results_eq('select * from pg_temp.state()', 'table before', 'a refusal changes nothing');

set local request.jwt.claims = '{"email":"boss@example.com"}';
select row_eq(
  $$select student_id, sj_credits, replayed
      from api.grant_credits(' S-1 ', ' ANN@example.com ', ' SJ_credits ', 2, '  a gift  ')$$,
  row('S-1'::text, 3, false), 'a grant is added');
select row_eq('table entry',
              row('sj_credits'::text, 2, 1, 3, 'grant'::text, 'a gift'::text,
                  'boss@example.com'::text),
              'the ledger has it with the reason and the person');
set local request.jwt.claims = '';
select is((api.grant_credits(p_id => '00000000-0000-4000-8000-000000000002',
                             p_credit => c.credit, p_amount => 10000, p_reason => '%s $$ \')).id,
          '00000000-0000-4000-8000-000000000002'::uuid, format('%s can be granted', c.credit))
  from unnest(array['sj_credits', 'cs_credits', 'sjmini_credits', 'mock_discussion_token',
                    'shared_mock_credits']) as c (credit);
select row_eq(
  $$select sj_credits, cs_credits, sjmini_credits, mock_discussion_token, shared_mock_credits
      from api.get_contact_credits(p_hubspot_id => 'C-2')$$,
  row(10000, 10000, 10000, 10000, 10000), 'each grant changed one balance');

-- Once per key -------------------------------------------------------------------------------
create temp table first as
  select * from api.grant_credits('S-1', 'ann@example.com', 'sj_credits', 5, 'why', ' key-1 ');
drop table before;
create temp table before as select * from pg_temp.state();
select row_eq(
  $$select sj_credits, replayed
      from api.grant_credits('S-1', 'ANN@EXAMPLE.COM', 'sj_credits', 5, ' why ', 'key-1')$$,
  row(8, true), 'the same key and request answers the first result');
select results_eq('select * from pg_temp.state()', 'table before', 'and grants nothing');
select is((api.grant_credits(p_credit => 'sj_credits', p_amount => 5, p_reason => 'why',
                             p_idempotency_key => 'key-1',
                             p_id => '00000000-0000-4000-8000-000000000001')).replayed, true,
          'the same contact by its id is the same request');
select throws_ok(format('select api.grant_credits(%s, ''key-1'')', r.arguments), 'MBKEY',
                 format('idempotency key was used for a request with another %s', r.differing),
                 r.fact)
  from (values
    ('''S-1'', ''ann@example.com'', ''sj_credits'', 6, ''why''', 'p_amount', 'another amount'),
    ('''S-1'', ''ann@example.com'', ''sj_credits'', 5, ''because''', 'p_reason', 'another reason'),
    ('''S-1'', ''ann@example.com'', ''cs_credits'', 5, ''why''', 'p_credit', 'another balance'),
    ('''S-2'', ''bob@example.com'', ''sj_credits'', 5, ''why''', 'contact', 'another contact')
  ) as r (arguments, differing, fact);
select throws_ok(
  $$select api.adjust_credits('S-1', 'ann@example.com', 'sj_credits', 5, 'why', 'key-1')$$,
                 'MBKEY', 'idempotency key was used for a request with another function, p_delta',
                 'a key of a grant is not one of an adjustment');
select results_eq('select * from pg_temp.state()', 'table before', 'a refused key changes nothing');
select api.grant_credits('S-1', 'ann@example.com', 'sj_credits', 1, 'why', 'key-2');
select is((api.grant_credits('S-1', 'ann@example.com', 'sj_credits', 5, 'why', 'key-1')).sj_credits,
          8, 'a replay is the stored first result, whatever the balance is since');
select is((api.grant_credits('S-1', 'ann@example.com', 'sj_credits', 1, 'why', '  ')).replayed,
          false, 'a blank key is none');
select is((select count(*) from hubspot_sync.credit_ledger l where l.idempotency_key is not null),
          2::bigint, 'only keys that were given are kept');
select throws_ok(
  $$select api.grant_credits('S-1', 'ann@example.com', 'cs_credits', 1, 'why', 'key-3')$$,
                 '22023', null, 'a grant that is refused');
select is((api.grant_credits('S-1', 'ann@example.com', 'sj_credits', 1, 'why', 'key-3')).replayed,
          false, 'leaves its key free');
select is_empty($$select v.name, v.sample from api.verify() v where v.violations > 0$$,
                'after all this every invariant holds');

select * from finish();
rollback;
