-- The Dual-ID: a record has its uuid from the first moment, its HubSpot id once HubSpot has it.
-- Every row is kept: one that breaks a rule is marked exempt and named in migration_findings.

-- Turning timestamp into timestamptz rewrites nothing while the session's zone is UTC.
set local timezone = 'UTC';

create table hubspot_sync.migration_findings (
  id bigint generated always as identity primary key,
  table_name text not null,
  record uuid,
  finding text not null,
  old_value text,
  created_at timestamptz not null default now()
);
comment on table hubspot_sync.migration_findings is
  'Rows of the old layout that break a rule of the new one; they were kept and marked exempt.';
alter table hubspot_sync.migration_findings enable row level security;

-- Exams ---------------------------------------------------------------------------------------
alter table hubspot_sync.hubspot_mock_exams
  alter column created_at type timestamptz,
  alter column updated_at type timestamptz,
  alter column synced_at type timestamptz,
  alter column created_at set default now(),
  alter column updated_at set default now(),
  add column mock_set text,
  add column starts_at timestamptz,
  add column scheduled_activation_at timestamptz,
  add column hubspot_last_sync_at timestamptz;

insert into hubspot_sync.migration_findings (table_name, record, finding, old_value)
select 'hubspot_mock_exams', id, 'capacity is negative, set to 0', capacity::text
  from hubspot_sync.hubspot_mock_exams
 where capacity < 0;
update hubspot_sync.hubspot_mock_exams set capacity = 0 where capacity < 0;

alter table hubspot_sync.hubspot_mock_exams
  add constraint exams_capacity_not_negative check (capacity >= 0) not valid;
alter table hubspot_sync.hubspot_mock_exams validate constraint exams_capacity_not_negative;

create index idx_exams_type_date on hubspot_sync.hubspot_mock_exams (mock_type, exam_date);
create index idx_exams_starts_at on hubspot_sync.hubspot_mock_exams (starts_at);

-- Contacts ------------------------------------------------------------------------------------
-- Room on every page lets a spent credit update a contact in place, without touching its indexes.
alter table hubspot_sync.hubspot_contact_credits set (fillfactor = 70);
alter table hubspot_sync.hubspot_contact_credits
  alter column hubspot_id drop not null,
  alter column created_at type timestamptz,
  alter column updated_at type timestamptz,
  alter column synced_at type timestamptz,
  alter column created_at set default now(),
  alter column updated_at set default now(),
  add column if not exists shared_mock_credits integer default 0,
  add column if not exists mock_discussion_token integer default 0,
  add column hubspot_last_sync_at timestamptz;

insert into hubspot_sync.migration_findings (table_name, record, finding, old_value)
select 'hubspot_contact_credits', c.id, b.name || ' is negative, set to 0', b.value::text
  from hubspot_sync.hubspot_contact_credits c
 cross join lateral (values ('sj_credits', c.sj_credits),
                            ('cs_credits', c.cs_credits),
                            ('sjmini_credits', c.sjmini_credits),
                            ('mock_discussion_token', c.mock_discussion_token),
                            ('shared_mock_credits', c.shared_mock_credits)) as b (name, value)
 where b.value < 0;
update hubspot_sync.hubspot_contact_credits
   set sj_credits = greatest(coalesce(sj_credits, 0), 0),
       cs_credits = greatest(coalesce(cs_credits, 0), 0),
       sjmini_credits = greatest(coalesce(sjmini_credits, 0), 0),
       mock_discussion_token = greatest(coalesce(mock_discussion_token, 0), 0),
       shared_mock_credits = greatest(coalesce(shared_mock_credits, 0), 0)
 where least(coalesce(sj_credits, -1), coalesce(cs_credits, -1), coalesce(sjmini_credits, -1),
             coalesce(mock_discussion_token, -1), coalesce(shared_mock_credits, -1)) < 0;

-- A validated check lets «set not null» skip its scan, and with it the long lock.
alter table hubspot_sync.hubspot_contact_credits
  add constraint credits_not_negative check (
    sj_credits >= 0 and cs_credits >= 0 and sjmini_credits >= 0
    and mock_discussion_token >= 0 and shared_mock_credits >= 0
  ) not valid,
  add constraint credits_not_null check (
    sj_credits is not null and cs_credits is not null and sjmini_credits is not null
    and mock_discussion_token is not null and shared_mock_credits is not null
  ) not valid;
alter table hubspot_sync.hubspot_contact_credits validate constraint credits_not_negative;
alter table hubspot_sync.hubspot_contact_credits validate constraint credits_not_null;
alter table hubspot_sync.hubspot_contact_credits
  alter column sj_credits set not null,
  alter column cs_credits set not null,
  alter column sjmini_credits set not null,
  alter column mock_discussion_token set not null,
  alter column shared_mock_credits set not null;
alter table hubspot_sync.hubspot_contact_credits drop constraint credits_not_null;

insert into hubspot_sync.migration_findings (table_name, record, finding, old_value)
select 'hubspot_contact_credits', c.id, 'student_id and email, case aside, of another contact',
       c.email
  from (select k.id, k.email,
               count(*) over (partition by k.student_id, lower(k.email)) as alike
          from hubspot_sync.hubspot_contact_credits k) c
 where c.alike > 1;

-- A contact is found by student id; unique_student_email begins with it.
create index idx_contacts_no_hubspot_id
  on hubspot_sync.hubspot_contact_credits (created_at) where hubspot_id is null;

-- Bookings ------------------------------------------------------------------------------------
alter table hubspot_sync.hubspot_bookings
  alter column hubspot_id drop not null,
  alter column created_at type timestamptz,
  alter column updated_at type timestamptz,
  alter column synced_at type timestamptz,
  alter column created_at set default now(),
  alter column updated_at set default now(),
  add column exam uuid,
  add column contact uuid,
  add column mock_type text,
  add column idempotency_request jsonb,
  add column idempotency_result jsonb,
  add column exempt boolean not null default false,
  add column hubspot_last_sync_at timestamptz;

update hubspot_sync.hubspot_bookings
   set is_active = case lower(trim(is_active))
         when 'active' then 'Active' when 'true' then 'Active'
         when 'cancelled' then 'Cancelled' when 'canceled' then 'Cancelled'
         when 'false' then 'Cancelled'
         when 'completed' then 'Completed'
       end
 where is_active not in ('Active', 'Cancelled', 'Completed')
   and lower(trim(is_active)) in
       ('active', 'true', 'cancelled', 'canceled', 'false', 'completed');
insert into hubspot_sync.migration_findings (table_name, record, finding, old_value)
select 'hubspot_bookings', b.id, 'exam_date is not its exam''s, set to that', b.exam_date::text
  from hubspot_sync.hubspot_bookings b
  join hubspot_sync.hubspot_mock_exams e on e.hubspot_id = b.mock_exam_id
 where b.exam_date::date <> e.exam_date;
update hubspot_sync.hubspot_bookings b
   set exam = e.id,
       mock_type = e.mock_type,
       exam_date = case when b.exam_date::date = e.exam_date
         then b.exam_date else coalesce(e.exam_date, b.exam_date) end
  from hubspot_sync.hubspot_mock_exams e
 where e.hubspot_id = b.mock_exam_id;
update hubspot_sync.hubspot_bookings b
   set contact = coalesce(
         (select c.id
            from hubspot_sync.hubspot_contact_credits c
           where c.hubspot_id = b.contact_id),
         (select c.id
            from hubspot_sync.hubspot_contact_credits c
           where c.student_id = b.student_id
             and lower(c.email) = lower(b.student_email)
           order by c.created_at, c.id
           limit 1));

insert into hubspot_sync.migration_findings (table_name, record, finding, old_value)
select 'hubspot_bookings', id, f.finding, f.old_value
  from (
    select b.id,
           count(*) over (partition by b.booking_id) > 1 and b.booking_id is not null as same_id,
           b.is_active = 'Active' and count(*) over (
             partition by b.student_id, b.mock_exam_id, b.is_active) > 1 as same_exam,
           b.is_active = 'Active' and count(*) over (
             partition by b.student_id, b.mock_type, b.exam_date::date, b.is_active
           ) > 1 and b.mock_type is not null and b.exam_date is not null as same_day,
           b.booking_id, b.student_id, b.student_email, b.mock_exam_id, b.exam, b.contact,
           b.contact_id, b.is_active
      from hubspot_sync.hubspot_bookings b
  ) b
 cross join lateral (values
    (b.same_id, 'booking_id is not unique', b.booking_id),
    (b.same_exam, 'several active bookings of one student for one exam', b.mock_exam_id),
    (b.same_day, 'several active bookings of one student, type and date', b.student_id),
    (b.booking_id is null, 'booking_id is missing, set to OLD-<id>', null),
    (b.student_id is null, 'student_id is missing, set to an empty text', null),
    (b.student_email is null, 'student_email is missing, set to an empty text', null),
    (b.mock_exam_id is null, 'mock_exam_id is missing, set to an empty text', null),
    (coalesce(b.is_active not in ('Active', 'Cancelled', 'Completed'), true),
     'the status is none of Active, Cancelled, Completed', b.is_active),
    (b.exam is null, 'the exam is not in this database', b.mock_exam_id),
    (b.contact is null, 'the contact is not in this database', b.contact_id)
  ) as f (broken, finding, old_value)
 where f.broken;
update hubspot_sync.hubspot_bookings b
   set exempt = true,
       booking_id = coalesce(booking_id, 'OLD-' || id),
       student_id = coalesce(student_id, ''),
       student_email = coalesce(student_email, ''),
       mock_exam_id = coalesce(mock_exam_id, '')
 where exists (select from hubspot_sync.migration_findings f
                where f.table_name = 'hubspot_bookings' and f.record = b.id
                  and f.finding not like 'exam\_date is not%');

alter table hubspot_sync.hubspot_bookings
  add constraint bookings_keys_present check (
    booking_id is not null and student_id is not null
    and student_email is not null and mock_exam_id is not null
  ) not valid;
alter table hubspot_sync.hubspot_bookings validate constraint bookings_keys_present;
alter table hubspot_sync.hubspot_bookings
  alter column booking_id set not null,
  alter column student_id set not null,
  alter column student_email set not null,
  alter column mock_exam_id set not null;
alter table hubspot_sync.hubspot_bookings drop constraint bookings_keys_present;

alter table hubspot_sync.hubspot_bookings
  add constraint bookings_exam_fkey foreign key (exam)
    references hubspot_sync.hubspot_mock_exams (id) not valid,
  add constraint bookings_contact_fkey foreign key (contact)
    references hubspot_sync.hubspot_contact_credits (id) not valid;
alter table hubspot_sync.hubspot_bookings validate constraint bookings_exam_fkey;
alter table hubspot_sync.hubspot_bookings validate constraint bookings_contact_fkey;

-- The two foreign keys have no index of their own: their targets are never deleted in the day's
-- work, and readers come by idx_bookings_exam_id and idx_bookings_student_id.
create unique index bookings_booking_id
  on hubspot_sync.hubspot_bookings (booking_id) where not exempt;
create unique index bookings_one_active_per_exam
  on hubspot_sync.hubspot_bookings (student_id, mock_exam_id)
  where is_active = 'Active' and not exempt;
create unique index bookings_one_active_per_day
  on hubspot_sync.hubspot_bookings (student_id, mock_type, (exam_date::date))
  where is_active = 'Active' and not exempt;
create index idx_bookings_student_id on hubspot_sync.hubspot_bookings (student_id);
create index idx_bookings_student_email on hubspot_sync.hubspot_bookings (lower(student_email));
create index idx_bookings_status
  on hubspot_sync.hubspot_bookings (is_active, exam_date) include (mock_type, created_at, id);
-- In the order in which bookings are listed, old rows without a time of creation last; and with
-- the columns they are listed by, so that pages and totals of any filter are found in an index.
create index idx_bookings_created_at
  on hubspot_sync.hubspot_bookings (created_at desc nulls last, id)
  include (is_active, mock_type, exam_date);
create index idx_bookings_exam_date
  on hubspot_sync.hubspot_bookings (exam_date)
  include (is_active, mock_type, created_at, id);
create index idx_bookings_no_hubspot_id
  on hubspot_sync.hubspot_bookings (created_at) where hubspot_id is null;

-- What HubSpot had before is as old as the old application's last read of it.
update hubspot_sync.hubspot_mock_exams set hubspot_last_sync_at = synced_at
 where hubspot_id is not null;
update hubspot_sync.hubspot_contact_credits set hubspot_last_sync_at = synced_at
 where hubspot_id is not null;
update hubspot_sync.hubspot_bookings set hubspot_last_sync_at = synced_at
 where hubspot_id is not null;
