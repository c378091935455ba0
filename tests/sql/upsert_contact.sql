begin;
select plan(46);

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
create temp view contacts as
  select c.hubspot_id, c.student_id, c.email, c.firstname, c.lastname, c.sj_credits
    from hubspot_sync.hubspot_contact_credits c order by c.student_id, c.email;

-- A new contact ------------------------------------------------------------------------------
create temp table made as
  select * from api.upsert_contact(' S-1 ', ' Ann@Example.com ', ' Ann ', '  ',
     null, 2, 0, null, 1);
select row_eq(
  'select hubspot_id, student_id, email, firstname, lastname, sj_credits, cs_credits,
          sjmini_credits, mock_discussion_token, shared_mock_credits, replayed from made',
  row(null::text, 'S-1'::text, 'Ann@Example.com'::text, 'Ann'::text, null::text, 2, 0, 0, 1, 0,
      false), 'a new contact has what was given, without blanks, and zeros for the rest');
select results_eq(
  'select l.credit, l.delta, l.reason from hubspot_sync.credit_ledger l order by l.id',
  $$values ('sj_credits', 2, 'opening'), ('mock_discussion_token', 1, 'opening')$$,
  'its balances open the ledger');
select results_eq(
  'select q.table_name, q.operation from hubspot_sync.sync_queue q',
  $$values ('hubspot_contact_credits', 'insert')$$, 'HubSpot will be told of it');
select row_eq(
  'select c.created_at, c.updated_at from hubspot_sync.hubspot_contact_credits c',
  row('2030-01-01 09:00+00'::timestamptz, '2030-01-01 09:00+00'::timestamptz),
  'it was made when the clock says');

-- The same again -----------------------------------------------------------------------------
create temp table before as select * from pg_temp.state() where what <> 'hubspot_contact_credits';
select row_eq(
  $$select (c).replayed, (c).email, (c).sj_credits, (c).id = (select id from made)
      from (select api.upsert_contact('S-1', 'ANN@example.COM', 'Ann', p_sj_credits => 9) c) u$$,
  row(true, 'Ann@Example.com'::text, 2, true),
  'a known contact keeps its balances and the spelling of its email, and says it was known');
select results_eq(
  $$select * from pg_temp.state() where what <> 'hubspot_contact_credits'$$, 'table before',
  'nothing is queued or audited when nothing is new');
select row_eq(
  $$select (c).firstname, (c).lastname
      from (select api.upsert_contact('S-1', 'ann@example.com', null, 'Lee') c) u$$,
  row('Ann'::text, 'Lee'::text), 'what is left out stays, what is given is taken');
select row_eq(
  $$select (c).firstname, (c).lastname
      from (select api.upsert_contact('S-1', 'ann@example.com', ' ', '') c) u$$,
  row('Ann'::text, 'Lee'::text), 'a blank name is left out');
select is((api.upsert_contact('S-1', 'ann@example.com', p_hubspot_id => ' C-1 ')).hubspot_id,
          'C-1', 'a HubSpot id that was unknown is learned');
select is((api.upsert_contact('S-1', 'ann@example.com')).hubspot_id, 'C-1',
          'and stays when it is left out');

-- A changed identity, found by its HubSpot id ------------------------------------------------
insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values ('E-1', 'Situational Judgment', '2030-02-01', '09:00', 3, 'true');
select api.create_booking('E-1', 'S-1', 'ann@example.com');
select row_eq(
  $$select (c).id = (select id from made), (c).student_id, (c).email, (c).sj_credits
      from (select api.upsert_contact('S-1', 'lee@example.com', 'Ann', 'Day', 'C-1') c) u$$,
  row(true, 'S-1'::text, 'lee@example.com'::text, 1),
  'with its HubSpot id a contact takes a new email and keeps its balances');
select row_eq(
  'select b.student_email, b.student_name from hubspot_sync.hubspot_bookings b',
  row('lee@example.com'::text, 'Ann Day'::text), 'its booking follows');
select is((api.upsert_contact('S-7', 'lee@example.com', p_hubspot_id => 'C-1')).student_id, 'S-7',
          'and a new student id');
select is((select b.student_id from hubspot_sync.hubspot_bookings b), 'S-7',
          'its booking follows there, too');
select is((api.upsert_contact('S-1', 'lee@example.com')).replayed, false,
          'the old student id is free for another person');

-- Refusals -----------------------------------------------------------------------------------
select api.upsert_contact('S-2', 'bob@example.com', p_hubspot_id => 'C-2');
drop table before;
create temp table before as select * from pg_temp.state();
select throws_ok(r.call, r.code, null, r.fact)
  from (values
    ('select api.upsert_contact()', '22023', 'a contact of nothing is refused'),
    ($$select api.upsert_contact('S-3')$$, '22023', 'a contact without an email is refused'),
    ($$select api.upsert_contact(null, 'cid@example.com')$$, '22023',
     'a contact without a student id is refused'),
    ($$select api.upsert_contact('  ', 'cid@example.com')$$, '22023',
     'a blank student id is none'),
    ($$select api.upsert_contact('S-3', '')$$, '22023', 'an empty email is none'),
    ($$select api.upsert_contact('S-3', 'cid')$$, '22023', 'a word is no email'),
    ($$select api.upsert_contact('S-3', '@example.com')$$, '22023',
     'an email needs a name before the @'),
    ($$select api.upsert_contact('S-3', 'cid@')$$, '22023', 'and a place behind it'),
    ($$select api.upsert_contact('S-3', 'a@b@c')$$, '22023', 'and one @ alone'),
    ($$select api.upsert_contact('S-3', 'c id@example.com')$$, '22023', 'and no blank'),
    ($$select api.upsert_contact('S-3', E'cid@example.com\n')$$, '22023', 'and no line break'),
    ($$select api.upsert_contact('S-3', 'cid@example.com', repeat('x', 501))$$, '22023',
     'a name of 501 characters is refused'),
    ($$select api.upsert_contact('S-3', repeat('x', 10000000) || '@example.com')$$, '22023',
     'an email of ten million characters is refused'),
    ($$select api.upsert_contact('S-3', 'cid@example.com', p_sj_credits => -1)$$, '22023',
     'a negative balance is refused'),
    ($$select api.upsert_contact('S-3', 'cid@example.com', p_shared_mock_credits => 10001)$$,
     '22023', 'a balance over 10,000 is refused'),
    ($$select api.upsert_contact('S-2', 'bob@example.com', p_cs_credits => 2147483647)$$,
     '22023', 'also for a contact whose balances would be left alone'),
    ($$select api.upsert_contact('S-2', 'bob@example.com', p_hubspot_id => 'C-1')$$, 'MBIDC',
     'ids of two contacts are refused'),
    ($$select api.upsert_contact('S-2', 'bob@example.com', p_hubspot_id => 'C-9')$$, 'MBIDC',
     'a contact with another HubSpot id is refused')
  ) as r (call, code, fact);
select results_eq('select * from pg_temp.state()', 'table before', 'a refusal changes nothing');
select throws_like(
  $$select api.upsert_contact('S-2', 'bob@example.com', p_hubspot_id => 'C-1')$$, '%S-2%C-1%',
  'a conflict of ids names both');

select throws_ok($$select api.upsert_contact(E'\t', 'cid@example.com')$$, '22023', null,
                 'a tab is no student id');

-- What is text stays text --------------------------------------------------------------------
select is((api.upsert_contact(id, 'x@example.com', id, id, id)).student_id, id,
          format('%s is a student id like another', id))
  from unnest(array['''; drop table hubspot_sync.hubspot_bookings; --', '$$', '%', '%s', '\',
                    '"', E'a\x01b']) id;
select lives_ok($$select api.upsert_contact('S-10', 'ten@example.com', p_sj_credits => 10000)$$,
                'a balance of 10,000 is accepted');
select is((select count(*) from contacts where student_id = 'S-1'), 1::bigint,
          'two spellings of one email are one contact');
select is_empty($$select v.name, v.sample from api.verify() v where v.violations > 0$$,
                'after all this every invariant holds');

select * from finish();
rollback;
