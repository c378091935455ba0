begin;
select plan(13);

insert into hubspot_sync.hubspot_contact_credits (id, hubspot_id, student_id, email, sj_credits)
values ('00000000-0000-4000-8000-000000000001', 'C-1', 'S-1', 'ann@example.com', 5);
create temp table short (by integer);
create function pg_temp.take(p_delta integer, p_at timestamptz) returns integer language sql as $$
  insert into short select hubspot_sync.take_top_up(
    '00000000-0000-4000-8000-000000000001', 'sj_credits', p_delta, 'in HubSpot by CRM_UI', p_at);
  select c.sj_credits from hubspot_sync.hubspot_contact_credits c;
$$;
create temp view ledger as
  select l.delta, l.reason, l.note, l.idempotency_key
    from hubspot_sync.credit_ledger l where l.reason <> 'opening' order by l.id;

select is(pg_temp.take(3, '2030-01-01 10:00:00.123+00'), 8, 'what was added there is added here');
select row_eq('table ledger', row(3, 'hubspot'::text, 'in HubSpot by CRM_UI'::text,
  'HubSpot 00000000-0000-4000-8000-000000000001 sj_credits 2030-01-01T10:00:00.123'::text),
  'the ledger tells by whom, and which edit it was');
select is(pg_temp.take(3, '2030-01-01 10:00:00.123+00'), 8, 'an edit is taken once');
select is(pg_temp.take(3, '2030-01-01 10:00:00.124+00'), 11, 'another moment is another edit');
select is(pg_temp.take(0, '2030-01-01 11:00+00'), 11, 'nothing added is nothing');
select is(pg_temp.take(1, null), 12, 'an edit whose moment is not known is taken');
select is(pg_temp.take(1, null), 13, 'and so is the next');
select is(pg_temp.take(-15, '2030-01-01 12:00+00'), 0, 'no balance falls below zero');
select is((select sum(s.by) from short s), 2::bigint, 'what could not be taken away is answered');
select is(pg_temp.take(-1, '2030-01-01 13:00+00'), 0, 'what is empty stays so');
select is((select count(*) from ledger where delta < 0), 1::bigint, 'without an entry');
select is((select sum(s.by) from short s), 3::bigint, 'and that is answered, too');
select throws_ok($$select pg_temp.take(2147483647, '2030-01-01 14:00+00'),
                          pg_temp.take(2147483647, '2030-01-01 15:00+00')$$, '22023', null,
                 'a balance out of range is refused');

select * from finish();
rollback;
